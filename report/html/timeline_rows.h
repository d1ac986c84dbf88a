/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * timeline_rows: what every thread did when, thinned out so that any run fits on a page.
 *
 * Spans of a thread follow one another from its birth on. Where there are too many, neighbours shorter than
 * `resolution_ns` become one span, of the state that most of it was in.
 */

#include <stddef.h>
#include <stdint.h>

struct measurement;

/* States: on-CPU, run queue, then the causes in their order. */
enum { TIMELINE_ON_CPU, TIMELINE_RUNNABLE, TIMELINE_BLOCKED };

struct timeline_span {
    uint32_t length; /* in units */
    uint32_t state;  /* TIMELINE_ON_CPU, TIMELINE_RUNNABLE, TIMELINE_BLOCKED + cause */
};

struct timeline_row {
    const struct thread *thread; /* borrowed */
    struct timeline_span *spans;
    size_t n_spans;
};

/* A wake-up: who ended whose wait. Indices of rows, times in units. */
struct timeline_arrow {
    uint32_t from, to;
    uint32_t from_at, to_at;
};

/* From `at` on, that row held the interpreter lock; in order of time. */
struct timeline_holder {
    uint32_t row;
    uint32_t at;
};

struct timeline_rows {
    uint64_t unit_ns;       /* what lengths and times are counted in */
    uint64_t resolution_ns; /* 0: nothing was merged */
    struct timeline_row *rows;
    size_t n_rows;
    size_t omitted; /* threads without a row: those that were busy least */
    struct timeline_arrow *arrows;
    size_t n_arrows;
    size_t arrows_left_out; /* of the shortest waits */
    struct timeline_holder *holders;
    size_t n_holders;
    int32_t holders_pid; /* the process whose lock it is: the one with most waits for it; 0: none */
};

/* @return 0 (timeline_rows_clear()) or -ENOMEM */
int timeline_rows_make(const struct measurement *m, struct timeline_rows *ret);
void timeline_rows_clear(struct timeline_rows *rows); /* accepts a zeroed struct */
