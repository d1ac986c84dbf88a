/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * critical_path_parts: the stretches of a path, as they are found from the end to the beginning, condensed into sums
 * and the longest stays. Knows how to rank; refuses to know how the path was found. Part of critical_path.c.
 */

#include <stdint.h>

#include "analyzer/advice.h"

struct thread_groups;
struct thread_index;

/* What a stretch was: a cause, or one of these. */
enum stretch {
    STRETCH_ON_CPU = CAUSE_COUNT,
    STRETCH_RUN_QUEUE,
    STRETCH_UNKNOWN,
    STRETCH_COUNT,
};

/* A stay of the path on one thread. */
struct stay {
    size_t thread; /* THREAD_INDEX_NONE: outside all threads */
    uint64_t from_ns;
    uint64_t to_ns;
    uint64_t spent_ns[STRETCH_COUNT];
};

#define STAYS_KEPT 10

struct stretches {
    const struct measurement *m;
    uint64_t (*spent_ns)[STRETCH_COUNT]; /* by place in m->threads; the one behind them: outside all threads */
    struct stay current;                 /* to_ns 0: none yet */
    struct stay longest[STAYS_KEPT];     /* longest first */
    size_t n_longest;
    uint64_t hops;
};

int stretches_init(struct stretches *s, const struct measurement *m); /* 0 or -ENOMEM; stretches_clear() either way */
void stretches_clear(struct stretches *s);

/* The stretch before the one added last; nothing for to == from. */
void stretches_add(struct stretches *s, size_t thread, enum stretch what, uint64_t from_ns, uint64_t to_ns);

/* All were added: rank. @return 0 or -ENOMEM (ret_path untouched) */
int stretches_condense(struct stretches *s, const struct thread_groups *groups, const struct thread_index *index,
                       struct critical_path *ret_path);
