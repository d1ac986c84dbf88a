/* SPDX-License-Identifier: BSD-2-Clause */
/* A loop with threads behind it: items are what these were handed, and before it their share of the loop's waits. */
#include "analyzer/profile/profile_shapes.h"

#include <math.h>

#include "base/base.h"

/* CPU of the loop since its first wait. */
static uint64_t loop_cpu(const struct executor *executor)
{
    const struct thread *t = executor->thread;
    uint64_t at_ns = t->birth_ns, cpu_ns = 0;

    for (size_t i = 0; i < t->n_slices; i++) {
        const struct slice *s = &t->slices[i];

        if (at_ns >= executor->first_ns)
            cpu_ns += s->on_cpu_ns;
        at_ns += s->on_cpu_ns + s->runnable_ns + s->blocked_ns;
    }
    return cpu_ns;
}

/* Put a wait before each item: its share of all that the loop waited for, and the CPU with which the loop did it. */
static int add_loop_waits(const struct executor *executor, struct profile_builder *b)
{
    struct profile *p = b->profile;
    struct profile_step wait = {.locked_cpu_ns = loop_cpu(executor) / p->n_items,
                                .wait_ns = (uint64_t)llround(executor->waits_ns / (double)p->n_items),
                                .cause = CAUSE_NETWORK};
    struct profile_step *steps = calloc(p->n_steps + p->n_items + 1, sizeof(*steps));
    size_t n = 0;

    if (!steps)
        return -ENOMEM;
    for (size_t i = 0; i < p->n_items; i++) {
        struct profile_item *item = &p->items[i];

        memcpy(&steps[n + 1], &p->steps[item->first_step], item->n_steps * sizeof(*steps));
        steps[n] = wait;
        item->first_step = n;
        item->n_steps++;
        n += item->n_steps;
    }
    free(p->steps);
    p->steps = steps;
    p->n_steps = n;
    b->steps_capacity = 0;
    return 0;
}

/* What was idle among the threads was waiting on the loop's account; the loop's CPU is in the items now. */
static void leave_to_loop(const struct executor *executor, struct work_lanes *lanes, struct profile *p)
{
    if (executor->first_ns < lanes->first_ns && p->head_ns > lanes->first_ns - executor->first_ns)
        p->head_ns -= lanes->first_ns - executor->first_ns;
    p->switch_ns_per_item = 0;
    lanes->dispatch_ns = 0;
    lanes->still_ns = 0;
}

int profile_executor_items(const struct measurement *m, struct work_lanes *lanes, struct profile_builder *b)
{
    const struct executor *executor = &lanes->executor;
    struct profile *p = b->profile;
    uint32_t at_once = (uint32_t)lround(executor->at_once);
    int r;

    if (executor->last_ns)
        lanes->n_gaps = 0; /* while the threads stood still, the loop waited */
    r = profile_worker_items(m, lanes, b);
    if (r < 0)
        return r;
    p->current_model = MODEL_COROUTINES;
    p->executor_threads = lanes->most_live;
    p->current_workers = at_once > lanes->most_live ? at_once : lanes->most_live;
    p->waits_unknown = executor->last_ns && !at_once;
    if (!p->n_items || !at_once)
        return 0;
    leave_to_loop(executor, lanes, p);
    return add_loop_waits(executor, b);
}
