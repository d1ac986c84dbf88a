/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * loop_stalls: sums of what keeps an event loop from its other tasks: waits inside its turns, and of them and of
 * callbacks those that are stalls (EVENT_LOOP_STALL_NS and longer). Times in ns. Refuses to know where they come from.
 */

#include <stdint.h>

struct stalls {
    uint64_t longest_ns; /* of all, stalls or not */
    uint64_t count, sum_ns;
};

struct waits {
    uint64_t ns, count;
    struct stalls stalls;
};

/* Take in one callback, step or wait. */
void stalls_add(struct stalls *stalls, uint64_t ns);

/* Take in one wait. */
void waits_add(struct waits *waits, uint64_t ns);

/* Add what is pending, and begin anew. */
void waits_commit(struct waits *to, struct waits *pending);
