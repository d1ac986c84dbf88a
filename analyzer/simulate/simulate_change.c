/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/simulate/simulate_change.h"

#include <math.h>

#include "analyzer/profile/profile.h"
#include "analyzer/simulate/simulate_model.h"
#include "base/base.h"

#define MAX_CHANGED_STEPS (UINT64_C(1) << 22) /* about 200 MB; no question needs more */

static bool is_factor(double factor)
{
    return isfinite(factor) && factor >= 0.0;
}

static bool change_valid(const struct simulate_change *c)
{
    return is_factor(c->wait_factor) && is_factor(c->cpu_factor) && is_factor(c->locked_factor) &&
           is_factor(c->items_factor) && is_factor(c->process_start_factor) && is_factor(c->ipc_factor);
}

/* Whole nanoseconds, saturating far beyond any run. */
static uint64_t scaled(uint64_t ns, double factor)
{
    double product = (double)ns * factor;

    return product < 9e18 ? (uint64_t)llround(product) : UINT64_C(9000000000000000000);
}

static struct profile_step changed_step(const struct profile_step *step, const struct simulate_change *change)
{
    struct profile_step changed = *step;
    uint64_t cpu_ns = scaled(step->locked_cpu_ns + step->free_cpu_ns, change->cpu_factor);
    uint64_t locked_ns = scaled(scaled(step->locked_cpu_ns, change->cpu_factor), change->locked_factor);

    changed.locked_cpu_ns = locked_ns < cpu_ns ? locked_ns : cpu_ns;
    changed.free_cpu_ns = cpu_ns - changed.locked_cpu_ns;
    changed.wait_ns = scaled(step->wait_ns, change->wait_factor);
    return changed;
}

static size_t changed_count(const struct profile *p, const struct simulate_change *change)
{
    double count = round((double)p->n_items * change->items_factor);

    if (!p->n_items)
        return 0;
    return count < 1.0 ? 1 : count < 1e15 ? (size_t)count : (size_t)1e15;
}

/* The item of the profile that stands at place `i` of `n`: the order is kept, repeats stand side by side. */
static const struct profile_item *item_at(const struct profile *p, size_t i, size_t n)
{
    return &p->items[(size_t)((double)i * (double)p->n_items / (double)n)];
}

/* Fill `copy`, a bitwise copy of `p`, with steps and items of its own. The caller frees these two. */
static int copy_items(const struct profile *p, const struct simulate_change *change, struct profile *copy)
{
    size_t n_items = changed_count(p, change);
    uint64_t n_steps = 0;

    if (n_items > MAX_CHANGED_STEPS)
        return -E2BIG;
    for (size_t i = 0; i < n_items; i++)
        n_steps += item_at(p, i, n_items)->n_steps;
    if (n_steps > MAX_CHANGED_STEPS)
        return -E2BIG;
    copy->steps = calloc((size_t)n_steps + 1, sizeof(*copy->steps));
    copy->items = calloc(n_items + 1, sizeof(*copy->items));
    copy->n_steps = copy->n_items = 0;
    if (!copy->steps || !copy->items)
        return -ENOMEM;
    for (size_t i = 0; i < n_items; i++) {
        struct profile_item item = *item_at(p, i, n_items);
        size_t first = item.first_step;

        item.first_step = copy->n_steps;
        for (size_t s = 0; s < item.n_steps; s++)
            copy->steps[copy->n_steps++] = changed_step(&p->steps[first + s], change);
        copy->items[copy->n_items++] = item;
    }
    return 0;
}

int simulate_changed(const struct profile *p, const struct simulate_costs *costs, const struct simulate_change *change,
                     enum model model, uint32_t cpus, uint32_t *ret_workers, struct simulate_result *ret_result)
{
    struct simulate_costs changed_costs = *costs;
    CLEANUP(simulate_work_clear) struct simulate_work work = {0};
    struct profile copy = *p;
    double cpu_scale;
    int r;

    if (!change_valid(change) || !cpus || model < 0 || model >= MODEL_COUNT)
        return -EINVAL;
    copy.steps = NULL;
    copy.items = NULL;
    r = copy_items(p, change, &copy);
    copy.interpreter_lock = p->interpreter_lock && !change->no_interpreter_lock;
    copy.ipc_ns_per_item = scaled(p->ipc_ns_per_item, change->ipc_factor);
    changed_costs.process_start_ns = scaled(costs->process_start_ns, change->process_start_factor);
    changed_costs.ipc_item_ns = scaled(costs->ipc_item_ns, change->ipc_factor);
    changed_costs.ipc_byte_ps = scaled(costs->ipc_byte_ps, change->ipc_factor);
    if (change->item_bytes)
        changed_costs.ipc_item_bytes = change->item_bytes;
    if (r == 0)
        r = simulate_cpu_scale(p, costs, &cpu_scale); /* CPU times stay those of the run as it was */
    if (r == 0)
        r = simulate_work_init(&copy, &changed_costs, cpu_scale, &work);
    if (r == 0)
        r = simulate_work_best(&work, model, cpus, ret_workers, ret_result);
    free(copy.steps);
    free(copy.items);
    return r;
}
