/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * profile_roles: what each thread of the program is for: it does items, it creates those who do, it helps them (feeds,
 * collects), or it only ticks.
 *
 * Knows threads as totals. Refuses to say how those who do items are arranged (profile_lanes.h).
 */

#include <stdbool.h>
#include <stdint.h>

#include "analyzer/executor.h"
#include "probe/measurement.h"

/* Arrays have measurement.n_threads elements, in that order. */
struct thread_roles {
    uint64_t *works;       /* owned; ns of own CPU and external waits of those who do items, 0 for all others */
    bool *creators;        /* owned; a thread or process that it created works, or one below that */
    double *handover;      /* owned; share of the CPU time that handed items over, 0..1 */
    bool handover_matters; /* it is a large part of all CPU time of the program */
};

/*
 * Choose those who do items; of a program that is serial the one that does the work, of a loop with an executor the
 * threads behind it.
 * @return 0 (thread_roles_clear()) or -ENOMEM
 */
int thread_roles_find(const struct measurement *m, const struct executor *executor, struct thread_roles *ret_roles);

void thread_roles_clear(struct thread_roles *roles);

/*
 * A thread of a process that has workers in other processes, and does next to nothing between waiting for these: it
 * feeds and collects (executor managers, queue feeders). Where items are small it works hard, but it does no items.
 */
bool thread_feeds(const struct measurement *m, const struct thread *t);

/*
 * A thread that sleeps in a rhythm and does next to nothing: it neither is work nor bounds it. One that was parked in
 * between is a pool's worker with a long item.
 */
bool thread_is_ticker(const struct measurement *m, const struct thread *t);
