/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * live_view: what a run does at this moment and has done so far, as far as it can be told while it goes on.
 *
 * Plain data; for looking at only: what a report says comes from the measurement.
 */

#include <stddef.h>
#include <stdint.h>

#include "probe/measurement.h"

enum live_kind {
    LIVE_ON_CPU,
    LIVE_RUNNABLE,
    LIVE_BLOCKED, /* for `cause` */
    LIVE_UNATTRIBUTED,
};

/* What threads can be in. */
struct live_state {
    enum live_kind kind;
    enum cause cause;           /* BLOCKED; else without meaning */
    uint32_t threads;           /* that are in it now */
    uint64_t time_ns;           /* of all threads, so far; waits in progress included */
    uint64_t recent_ns;         /* of that, since the last view */
    const struct frame *frames; /* where most of that was, innermost first; borrowed until the next view */
    size_t n_frames;            /* 0: not known (yet) */
};

/* On-CPU, runnable, each cause, unattributed. */
#define LIVE_STATES (CAUSE_COUNT + 3)

struct live_view {
    uint64_t elapsed_ns;  /* since measuring began */
    uint64_t interval_ns; /* since the last view, or that */
    uint32_t threads;     /* alive */
    uint32_t processes;
    enum runtime_kind runtime;             /* of the first process that has one of its own */
    struct live_state states[LIVE_STATES]; /* those that nobody was in, too, in the order of enum live_kind */
};
