/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/follow/memory_series.h"

#include "base/base.h"
#include "probe/measurement.h"
#include "probe/follow/run_state.h"

#define FIRST_INTERVAL_NS (50 * NSEC_PER_MSEC) /* less than the time between two looks: at first all are kept */

/* The first and the last stay; of each two between them the one that tells more, or the later one. */
static void thin_out(struct run_process *process)
{
    struct memory_point *points = process->memory;
    size_t n = process->n_memory, kept = 1;

    for (size_t i = 1; i + 1 < n; i += 2) {
        bool first = points[i].private_bytes && !points[i + 1].private_bytes && i + 2 < n;

        points[kept++] = points[first ? i : i + 1];
    }
    if (n % 2 == 0)
        points[kept++] = points[n - 1];
    process->n_memory = kept;
    process->memory_interval *= 2;
}

int memory_series_add(struct run_process *process, const struct memory_point *point)
{
    struct memory_point *last = process->n_memory ? &process->memory[process->n_memory - 1] : NULL;

    if (!process->memory_interval)
        process->memory_interval = FIRST_INTERVAL_NS;
    if (last && last->at_ns == point->at_ns) {
        *last = *point;
        return 0;
    }
    /* The last one is kept only when it is an interval later than the one before; else the next takes its place. */
    if (process->n_memory >= 2 && last->at_ns - last[-1].at_ns < process->memory_interval) {
        if (point->private_bytes || !last->private_bytes)
            *last = *point;
        return 0;
    }
    if (process->n_memory >= MEMORY_POINTS_MAX)
        thin_out(process);
    if (base_grow(&process->memory, &process->memory_capacity, process->n_memory + 1, sizeof(*point)) < 0)
        return -ENOMEM;
    process->memory[process->n_memory++] = *point;
    return 0;
}

void memory_series_restart(struct run_process *process)
{
    process->n_memory = 0;
    process->memory_interval = 0;
    process->looks = 0;
}
