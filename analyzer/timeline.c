/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/timeline.h"

#include "base/base.h"
#include "probe/measurement.h"

/* Sums of a file that someone wrote by hand may overflow: they stop at `most`. */
static uint64_t add_up_to(uint64_t sum, uint64_t value, uint64_t most)
{
    return value >= most - sum ? most : sum + value;
}

int timeline_init(struct timeline *timeline, const struct thread *thread)
{
    size_t n = thread->n_slices;
    uint64_t at = thread->birth_ns, cpu = 0;

    timeline->thread = thread;
    timeline->start_ns = calloc(n + 1, sizeof(*timeline->start_ns));
    timeline->cpu_ns = calloc(n + 1, sizeof(*timeline->cpu_ns));
    if (!timeline->start_ns || !timeline->cpu_ns)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        const struct slice *s = &thread->slices[i];

        timeline->start_ns[i] = at;
        timeline->cpu_ns[i] = cpu;
        at = add_up_to(at, s->on_cpu_ns, thread->death_ns);
        at = add_up_to(at, s->blocked_ns, thread->death_ns);
        at = add_up_to(at, s->runnable_ns, thread->death_ns);
        cpu = add_up_to(cpu, s->on_cpu_ns, UINT64_MAX);
    }
    timeline->start_ns[n] = at;
    timeline->cpu_ns[n] = cpu;
    return 0;
}

void timeline_clear(struct timeline *timeline)
{
    free(timeline->start_ns);
    free(timeline->cpu_ns);
    *timeline = (struct timeline){0};
}

/* The first bound at or above `value`, less one: the slice that ends there. */
static size_t slice_below(const uint64_t *bounds, size_t n, uint64_t value)
{
    size_t low = 0, high = n + 1;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (bounds[middle] < value)
            low = middle + 1;
        else
            high = middle;
    }
    return low == 0 || low > n ? TIMELINE_NONE : low - 1;
}

size_t timeline_at(const struct timeline *timeline, uint64_t at_ns)
{
    return slice_below(timeline->start_ns, timeline->thread->n_slices, at_ns);
}

size_t timeline_at_cpu(const struct timeline *timeline, uint64_t cpu_ns)
{
    if (cpu_ns == 0)
        return timeline->thread->n_slices > 0 ? 0 : TIMELINE_NONE;
    return slice_below(timeline->cpu_ns, timeline->thread->n_slices, cpu_ns);
}
