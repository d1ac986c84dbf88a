/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * profile_lanes: which threads carried the work, how they were arranged, and what they shared.
 *
 * Knows threads, processes and event loops as totals. Refuses to cut work (profile_items.h).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/profile/profile_items.h"
#include "probe/measurement.h"

struct work_lane {
    const struct thread *thread;
    const struct event_loop *loop; /* NULL: no event loop */
    const struct process *process; /* NULL: not known */
    struct pieces pieces;          /* owned */
    uint64_t work_ns;              /* CPU and external waits; of a creator only what fell among its workers' */
    bool creator;                  /* it created another worker */
};

/* How the work was arranged. */
struct work_lanes {
    struct work_lane *list; /* those that worked, in order of birth */
    size_t count;
    uint64_t first_ns;    /* the first began */
    uint64_t last_ns;     /* the last ended */
    uint64_t gaps_ns;     /* time between, while none lived */
    uint32_t most_live;   /* alive at once */
    size_t processes;     /* distinct; counted exactly up to 64 */
    size_t loops;         /* lanes that are event loops */
    uint64_t dispatch_ns; /* CPU that others spent meanwhile: creating, feeding, collecting */
    bool short_lived;     /* lanes come and go with their items */
};

/* @return 0 (work_lanes_clear()), -ENOMEM, -ENODATA (no thread did any work) */
int work_lanes_find(const struct measurement *m, struct work_lanes *ret_lanes);
void work_lanes_clear(struct work_lanes *lanes); /* accepts a zeroed struct */

/* Is it a server's lane? Idle waits then cut its requests. */
bool work_lane_serves(const struct work_lane *lane);

/* --- What lanes share (profile_sharing.c) --- */

/*
 * Share of the lane's CPU under its interpreter lock: from samples of the lane, of its process, of the program; else
 * 1.0 unless threads of the program were seen on several CPUs at once.
 */
double work_lane_locked_share(const struct measurement *m, const struct work_lanes *lanes,
                              const struct work_lane *lane);

/*
 * Share of the work that ran under one mutex, from how many lanes queued for it: with a queue of one or more it was
 * never free, so what ran under it took the whole time. 1.0 where lanes only ever woke each other in turn.
 */
double work_lanes_critical_share(const struct measurement *m, const struct work_lanes *lanes);
