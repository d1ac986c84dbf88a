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

#include "analyzer/executor.h"
#include "analyzer/profile/profile_items.h"
#include "probe/measurement.h"

struct work_lane {
    const struct thread *thread;
    const struct event_loop *loop; /* NULL: no event loop */
    const struct process *process; /* NULL: not known */
    struct pieces pieces;          /* owned */
    uint64_t work_ns;              /* CPU and external waits; of a creator only what fell among its workers' */
    bool creator;                  /* it created another worker */
    double handover;               /* share of its CPU that is not in work_ns: handing items over, 0..1 */
    uint64_t dispatched;           /* messages it got from the process that created its own */
    uint32_t slot;                 /* place of the lane among those alive with it, below work_lanes.slots */
    double critical;               /* share of its work under the mutex `lock`, beyond what its pieces tell */
    bool critical_cpu;             /* ...of its CPU only */
    uint16_t lock;                 /* as in struct profile_step; 0: none */
};

/* Wall time in which no worker did anything while a creator went on by itself. */
struct work_gap {
    uint64_t start_ns;
    uint64_t end_ns;
    uint64_t cpu_ns;   /* the creator's */
    uint64_t ready_ns; /* of it, the creator was ready, but other programs had the CPUs */
};

/* How the work was arranged. */
struct work_lanes {
    struct work_lane *list; /* those that worked, in order of birth */
    size_t count;
    uint64_t first_ns;     /* the first began */
    uint64_t last_ns;      /* the last ended */
    uint64_t gaps_ns;      /* time between, while none lived */
    uint32_t most_live;    /* alive at once */
    size_t processes;      /* distinct; counted exactly up to 64 */
    size_t loops;          /* lanes that are event loops */
    uint64_t dispatch_ns;  /* CPU that others spent meanwhile: creating, feeding, collecting */
    uint64_t shells_ns;    /* of it, in programs that other programs started: a command's shell */
    bool commands;         /* lanes are such programs, each started for its item */
    bool short_lived;      /* lanes come and go with their items */
    uint32_t slots;        /* lanes that lived one after another share one */
    struct work_gap *gaps; /* the serial parts between rounds of work, in order (profile_phases.c) */
    size_t n_gaps;
    uint64_t ready_ns;        /* serial time taken off head and gaps: the creator waited for a CPU */
    uint64_t still_ns;        /* time between first and last in which none did anything, of several lanes */
    uint64_t more_gaps_ns;    /* serial time between rounds that is in no gap: there were too many */
    size_t *by_tid;           /* places in list, by tid and birth */
    bool by_wall;             /* what items cost beyond their work, or what mutexes hold, was derived from wall time */
    bool handover_matters;    /* handing items over took a large part of the program's CPU */
    struct executor executor; /* its loop is no lane, the threads behind it are */
    bool fed;                 /* lanes get their items handed over one by one */
};

/* @return 0 (work_lanes_clear()), -ENOMEM, -ENODATA (no thread did any work) */
int work_lanes_find(const struct measurement *m, struct work_lanes *ret_lanes);
void work_lanes_clear(struct work_lanes *lanes); /* accepts a zeroed struct */

/* --- Which lane is which (profile_places.c) --- */

/* Part of work_lanes_find(): fill slots and by_tid, and mark the waits that another lane ended. @return 0 or -ENOMEM */
int work_lanes_place(struct work_lanes *lanes);

/* The lane of that thread alive at `at_ns`. @return its place in list, or SIZE_MAX; O(log n) */
size_t work_lanes_of_tid(const struct work_lanes *lanes, int32_t tid, uint64_t at_ns);

/* Is it a server's lane? Idle waits then cut its requests. */
bool work_lane_serves(const struct work_lane *lane);

/* --- When they worked (profile_phases.c) --- */

/* A stretch of wall time. */
struct work_span {
    uint64_t start_ns;
    uint64_t end_ns;
};

/*
 * The times during which at least one lane did something: CPU, external waits, waits for locks. Waiting for another
 * thread to hand something over, or to end, is not doing.
 * @return 0 (free(*ret_spans); in order, apart) or -ENOMEM
 */
int work_lanes_active(const struct work_lanes *lanes, struct work_span **ret_spans, size_t *ret_n);

/* Time of [start_ns, end_ns) that lies within the spans; O(log n) and the spans touched. */
uint64_t work_spans_overlap(const struct work_span *spans, size_t n, uint64_t start_ns, uint64_t end_ns);

/*
 * The gaps between the spans that count as serial parts of fork-join rounds, added to lanes->gaps. Short gaps are left
 * out, and so are all where they do not add up to something.
 * @param own  pieces of the threads that create and feed the workers
 * @return 0 or -ENOMEM
 */
int work_lanes_find_gaps(const struct measurement *m, struct work_lanes *lanes, const struct work_span *spans, size_t n,
                         const struct pieces *own, size_t n_own);

/* Mark the pieces of all lanes whose wait lies across a gap. */
void work_lanes_mark_phases(struct work_lanes *lanes);

/* --- What lanes share (profile_sharing.c) --- */

/*
 * Share of the lane's CPU under its interpreter lock: from samples of the lane, of its process, of the program; else
 * 1.0 unless threads of the program were seen on several CPUs at once.
 */
double work_lane_locked_share(const struct measurement *m, const struct work_lanes *lanes,
                              const struct work_lane *lane);

/*
 * Count what lanes were sent by their dispatchers, and split pieces where a lane ended the wait of a thread that is no
 * lane: it handed a result in
 * (profile_results.c).
 * @return 0 or -ENOMEM
 */
int work_lanes_mark_results(const struct measurement *m, struct work_lanes *lanes);

/*
 * Critical sections, by mutex (profile_locks.c): pieces are split where a section begins and ends, as far as who ended
 * whose wait tells, and the lanes get the share that no piece tells. Fills locks and dependence.lock_waits.
 * @return 0 or -ENOMEM
 */
int work_lanes_find_locks(const struct measurement *m, struct work_lanes *lanes, struct profile *p);

/*
 * Share of the work that ran under one mutex, from how many lanes queued for it: with a queue of one or more it was
 * never free, so what ran under it took the whole time. 1.0 where lanes only ever woke each other in turn.
 */
double work_lanes_critical_share(const struct measurement *m, const struct work_lanes *lanes);
