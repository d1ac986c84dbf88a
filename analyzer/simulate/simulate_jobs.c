/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/simulate/simulate_jobs.h"

#include "analyzer/profile/profile.h"
#include "base/base.h"

/* Enough for any shape the models can tell apart, small enough for dozens of simulations within 50 ms. */
#define MAX_STEPS 4096
/* Merged one after another, a lane must still get this many items, else the end of the run looks too ragged. */
#define MIN_ITEMS_PER_LANE 16

void simulate_jobs_clear(struct simulate_jobs *jobs)
{
    free(jobs->steps);
    free(jobs->items);
    *jobs = (struct simulate_jobs){0};
}

/* Add the step to *sum; a model's cost per wait becomes CPU of the step. */
static void step_add(struct simulate_step *sum, const struct profile_step *step, const struct simulate_extra *extra)
{
    sum->locked_ns += (double)step->locked_cpu_ns + (step->wait_ns ? extra->wait_cpu_ns : 0);
    sum->free_ns += (double)step->free_cpu_ns;
    sum->wait_ns += (double)step->wait_ns;
}

static bool step_empty(const struct simulate_step *step)
{
    return step->locked_ns + step->free_ns + step->wait_ns <= 0;
}

/*
 * Append the steps [first, first + count) of `p`, `group` consecutive ones merged into at most two: what ran outside
 * the mutex and what ran under it.
 */
static void append_steps(struct simulate_jobs *jobs, const struct profile *p, size_t first, size_t count, size_t group,
                         const struct simulate_extra *extra)
{
    for (size_t at = 0; at < count; at += group) {
        struct simulate_step sums[2] = {{.critical = false}, {.critical = true}};
        size_t end = at + group < count ? at + group : count;

        for (size_t i = at; i < end; i++)
            step_add(&sums[p->steps[first + i].lock != 0], &p->steps[first + i], extra);
        for (size_t k = 0; k < 2; k++)
            if (!step_empty(&sums[k]))
                jobs->steps[jobs->n_steps++] = sums[k];
    }
}

/* Close an item over the steps appended since `first`, with the costs of `original` items. */
static void close_item(struct simulate_jobs *jobs, size_t first, uint32_t original, const struct simulate_extra *extra)
{
    struct simulate_item *item = &jobs->items[jobs->n_items];

    if (jobs->n_steps == first)
        jobs->steps[jobs->n_steps++] = (struct simulate_step){0};
    *item = (struct simulate_item){
        .first = first,
        .count = jobs->n_steps - first,
        .gate_ns = extra->item_gate_ns * original,
        .original = original,
    };
    jobs->steps[first].locked_ns += extra->item_cpu_ns * original;
    if (jobs->steps[first].critical)
        jobs->steps[first].wait_ns += extra->item_wait_ns * original;
    else
        item->delay_ns = extra->item_wait_ns * original;
    jobs->n_items++;
}

/* Few items with many steps: merge steps within each item. */
static void build_items(struct simulate_jobs *jobs, const struct profile *p, const struct simulate_extra *extra)
{
    size_t group = p->n_steps > MAX_STEPS ? (p->n_steps + MAX_STEPS - 1) / MAX_STEPS : 1;

    for (size_t i = 0; i < p->n_items; i++) {
        size_t first = jobs->n_steps;

        append_steps(jobs, p, p->items[i].first_step, p->items[i].n_steps, group, extra);
        close_item(jobs, first, 1, extra);
    }
}

/*
 * Many items: `merge` consecutive ones become one. Side by side, their waits overlap and only CPU (and what is under
 * the mutex) adds up; one after another, everything does.
 */
static void build_merged(struct simulate_jobs *jobs, const struct profile *p, const struct simulate_extra *extra,
                         size_t merge)
{
    for (size_t i = 0; i < p->n_items; i += merge) {
        size_t last = i + merge < p->n_items ? i + merge : p->n_items;
        size_t first = jobs->n_steps;
        uint32_t original = (uint32_t)(last - i);
        size_t first_step = p->items[i].first_step;
        size_t end_step = p->items[last - 1].first_step + p->items[last - 1].n_steps;

        append_steps(jobs, p, first_step, end_step - first_step, end_step - first_step, extra);
        for (size_t s = first; s < jobs->n_steps; s++)
            if (jobs->parallel > 1 && !jobs->steps[s].critical)
                jobs->steps[s].wait_ns /= original;
        close_item(jobs, first, original, extra);
        if (jobs->parallel > 1)
            jobs->items[jobs->n_items - 1].delay_ns /= original;
    }
}

int simulate_jobs_build(const struct profile *p, const struct simulate_extra *extra, uint32_t lanes,
                        struct simulate_jobs *ret_jobs)
{
    struct simulate_jobs jobs = {.parallel = 1};
    size_t merge = p->n_items > MAX_STEPS / 2 ? (p->n_items + MAX_STEPS / 2 - 1) / (MAX_STEPS / 2) : 1;
    size_t n_items = (p->n_items + merge - 1) / merge;

    /* Merging leaves at most two steps per group; every item has room for a placeholder. */
    jobs.steps = calloc(2 * MAX_STEPS + 4 * n_items + 4, sizeof(*jobs.steps));
    jobs.items = calloc(n_items + 1, sizeof(*jobs.items));
    if (!jobs.steps || !jobs.items) {
        simulate_jobs_clear(&jobs);
        return -ENOMEM;
    }
    if (merge > 1 && (size_t)lanes * MIN_ITEMS_PER_LANE > n_items)
        jobs.parallel = (uint32_t)merge;
    if (merge > 1)
        build_merged(&jobs, p, extra, merge);
    else
        build_items(&jobs, p, extra);
    *ret_jobs = jobs;
    return 0;
}
