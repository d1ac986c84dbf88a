/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * timeline: where in time, and where in its CPU time, each slice of a thread begins.
 *
 * A thread's slices follow one another from its birth on; what they do not cover (the wait a measurement ended in,
 * slices that were lost) is left at the end. Times beyond the thread's death are cut. Borrows the thread.
 */

#include <stddef.h>
#include <stdint.h>

struct thread;

struct timeline {
    const struct thread *thread;
    uint64_t *start_ns; /* [n]: when slice i begins; [n_slices]: the end of the last; points in time */
    uint64_t *cpu_ns;   /* [n]: CPU time of the thread before slice i; [n_slices]: of all slices */
};

#define TIMELINE_NONE SIZE_MAX

/* @return 0 or -ENOMEM; timeline_clear() in either case */
int timeline_init(struct timeline *timeline, const struct thread *thread);
void timeline_clear(struct timeline *timeline);

/* The slice in which `at_ns` lies: start < at <= end. @return TIMELINE_NONE: before the first or after the last */
size_t timeline_at(const struct timeline *timeline, uint64_t at_ns);

/* The slice on whose CPU part the thread's CPU time reached `cpu_ns`. @return TIMELINE_NONE: it had more than that */
size_t timeline_at_cpu(const struct timeline *timeline, uint64_t cpu_ns);
