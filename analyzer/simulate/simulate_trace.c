/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/simulate/simulate_trace.h"

#include "analyzer/profile/profile.h"
#include "base/base.h"

void simulate_trace_clear(struct simulate_trace *trace)
{
    free(trace->steps);
    free(trace->items);
    free(trace->phases);
    *trace = (struct simulate_trace){0};
}

/* Items never fall back to an earlier phase; a profile without phases has one. */
static int phases_from_profile(const struct profile *p, struct simulate_trace *t)
{
    t->n_phases = p->n_phases ? p->n_phases : 1;
    t->phases = calloc(t->n_phases, sizeof(*t->phases));
    if (!t->phases)
        return -ENOMEM;
    for (size_t i = 0; i < t->n_phases; i++) {
        t->phases[i].weight = 1;
        if (p->phases && i < p->n_phases) {
            t->phases[i].serial_ns = (double)p->phases[i].serial_ns;
            t->phases[i].serial_cpu_ns = (double)p->phases[i].serial_cpu_ns;
        }
    }
    return 0;
}

int simulate_trace_from_profile(const struct profile *p, struct simulate_trace *ret_trace)
{
    CLEANUP(simulate_trace_clear)
    struct simulate_trace t = {.source = p, .n_steps = p->n_steps, .n_stages = p->n_stages ? p->n_stages : 1};
    size_t phase = 0;
    int r = phases_from_profile(p, &t);

    t.requests = 1;
    t.items = calloc(p->n_items + 1, sizeof(*t.items));
    if (r < 0 || !t.items)
        return -ENOMEM;
    for (size_t i = 0; i < p->n_items; i++) {
        const struct profile_item *from = &p->items[i];
        struct simulate_item item = {
            .first = from->first_step, .count = (uint32_t)from->n_steps, .original = 1, .lane = from->lane};

        while (phase < from->phase && phase + 1 < t.n_phases)
            t.phases[++phase].first_item = t.n_items;
        for (size_t s = item.first; s < item.first + item.count; s++) {
            const struct profile_step *step = &p->steps[s];

            item.work_ns += (double)(step->locked_cpu_ns + step->free_cpu_ns + step->wait_ns);
            if (step->lock > t.n_locks)
                t.n_locks = step->lock;
        }
        if (item.work_ns > 0)
            t.items[t.n_items++] = item;
        t.phases[phase].n_items = t.n_items - t.phases[phase].first_item;
    }
    *ret_trace = t;
    t = (struct simulate_trace){0};
    return 0;
}
