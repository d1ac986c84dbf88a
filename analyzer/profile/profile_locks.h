/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * profile_locks: mutexes and the critical sections under them.
 *
 * profile_locks.c finds mutexes among waits, profile_sections.c the stretches of lanes that ran under them. Knows who
 * ended whose wait. Refuses to know items. Shared by these two only; others see work_lanes_find_locks().
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/profile/profile_lanes.h"

/* One wait for a mutex. */
struct mutex_wait {
    uint64_t address;
    int32_t pid;
    size_t lane, piece;  /* who waited */
    size_t waker;        /* the lane that ended it; SIZE_MAX: another thread */
    uint64_t release_ns; /* when, in the waker's time; 0: not known */
};

/* A mutex under examination. */
struct mutex {
    const struct mutex_wait *list; /* its waits, by lane and time */
    size_t n;
    uint64_t queued_ns;
    uint64_t held_ns;       /* length of a usual section: the median of those known whole; 0: none is */
    uint64_t wait_ns;       /* of the wait outside within a usual section; 0: none, or several */
    uint64_t wait_after_ns; /* from the section's begin to that wait */
    enum cause wait_cause;
    uint64_t sections_ns;       /* all sections, known and placed */
    uint64_t sections_waits_ns; /* of them, waits outside */
    uint64_t sections_held_ns;  /* how long they lasted: their work, and what their owners waited for a CPU or the
                                   interpreter lock meanwhile */
};

/* Did that lane ever wait for it? O(log n) */
bool mutex_waits_here(const struct mutex_wait *waits, size_t n, size_t lane);

/*
 * Find the critical sections of all mutexes and split the lanes' pieces where they begin and end: those get their lock,
 * 1 + index into mutexes. Fills what is learned of usual sections, and their sums.
 * @return 0 or -ENOMEM
 */
int mutexes_find_sections(struct work_lanes *lanes, struct mutex *mutexes, size_t n_mutexes);
