/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * bursts: who of a process was on a CPU before a given moment.
 *
 * Under an interpreter lock that is who held it: the one thing to go by where a wait for the lock timed out just when
 * the lock came free (CPython waits in portions of 5 ms), so that nobody ended it. Retries of waiting threads are too
 * short to count. Borrows the timelines.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bursts;
struct measurement;
struct timeline;

/*
 * @param late_ns  by place in m->threads: how much later than its timeline says a thread did what it did
 * @return 0 (ret_bursts owned by the caller, bursts_free()) or -ENOMEM; O(n log n) in slices
 */
int bursts_new(const struct measurement *m, const struct timeline *timelines, const uint64_t *late_ns,
               struct bursts **ret_bursts);
void bursts_free(struct bursts *bursts); /* NULL-safe */
void bursts_freep(struct bursts **bursts);

struct burst_found {
    size_t thread; /* place in m->threads */
    size_t slice;
    uint64_t start_ns;
    uint64_t end_ns; /* until when it can have lasted, run queue included */
};

/*
 * The latest burst before `at_ns` of another thread of the process of `thread`, if it was still under way after
 * `since_ns`.
 * @return false: none
 */
bool bursts_before(const struct bursts *bursts, size_t thread, uint64_t at_ns, uint64_t since_ns,
                   struct burst_found *ret_found);
