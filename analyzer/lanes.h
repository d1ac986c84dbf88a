/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * lanes: which threads of a measurement are the program's own work, and how they relate.
 *
 * Knows that collectors, parked workers, joining parents and tickers are not work. Refuses to judge. Everything here is
 * linear or n log n in threads and slices.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probe/measurement.h"

/* One thread, as the analyzer sees it. */
struct lane {
    const struct thread *thread;
    const struct process *process; /* NULL: no row for it */
    const struct event_loop *loop; /* the loop this thread runs, if it is one worth the name; else NULL */
    const struct process *worker;  /* a substantial child of this lane's process that listens; NULL: none */
    bool main;                     /* first thread of its process */
    bool ticker;                   /* sleeps all the time beside other work: a timer, an arbiter */
    bool short_process;            /* its process was made for a moment: lanes_process_is_short() */
    bool short_thread;             /* it was, and is not the first of its process */
    uint64_t external_ns;          /* network, disk, pipe, sleep; 0 for a ticker */
    uint64_t external_count;       /* number of those waits */
    uint64_t idle_ns;              /* idle, terminal, stopped; and the sleep of tickers and waiting servers */
    uint64_t ipc_ns;               /* waiting for another process of the target: pipes, sockets, shared semaphores */
    uint64_t ipc_count;            /* number of those waits */
    uint64_t lock_ns;              /* queued for a mutex or a lock object of the interpreter */
    uint64_t handoff_ns;           /* waiting for another thread, the parts in lock_ns and ipc_ns left out */
    uint64_t handoff_count;        /* number of those waits */
    uint64_t busy_ns; /* on-CPU, runnable, interpreter lock, lock, external, memory, other: no waiting for siblings */
    bool leads;       /* first thread of a process that has a child at least twice as busy */
    bool substantial; /* busy for at least a tenth of what the busiest lane is; not: a parent that mostly waits. Also a
                         server's worker to which hardly any connection came, beside one that is busy */
};

struct lanes {
    const struct measurement *m;
    struct lane *items; /* threads that are not runtime_internal, in order of birth */
    size_t n;
    const struct lane **by_tid; /* sorted by tid; tids are reused: the latest birth of equal ones first */
    uint64_t busy_ns;           /* sums over items */
    uint64_t work_ns;           /* busy_ns without the run queue: neighbours on a crowded machine lengthen only that */
    uint64_t idle_ns;
    uint64_t external_ns;
    uint64_t external_count;
    uint64_t on_cpu_ns;
    uint64_t runnable_ns;
    uint64_t interpreter_lock_ns;
    uint64_t lock_ns;
    uint64_t handoff_ns;
    uint64_t ipc_ns;
    uint64_t handoff_count;
    uint64_t ipc_count;
};

/* Most waits that a loop had outstanding at once: connections, timerfds and sleeps. 0: none seen */
uint32_t lanes_loop_peak(const struct event_loop *loop);

/*
 * The share of CPU time under the interpreter lock, where samples can't say: from how many threads were on CPUs at
 * once.
 * @param one_process  all work was in one process: else togetherness says nothing, each has a lock for itself
 * @return 0-1; 1 where nothing speaks against it
 */
double lanes_locked_share_by_parallelism(const struct measurement *m, bool one_process);

/* @return 0 (ret_lanes borrows from m; lanes_free()) or -ENOMEM */
int lanes_new(const struct measurement *m, struct lanes **ret_lanes);
void lanes_free(struct lanes *lanes);
void lanes_freep(struct lanes **lanes);

/* Part of lanes_new(): tell locks of an interpreter and messages between processes from other hand-offs. */
int lanes_sort_handoffs(struct lanes *lanes);

/* @return the lane of that thread (the latest one where the number was reused), or NULL */
const struct lane *lanes_find(const struct lanes *lanes, int32_t tid);

/* Most lanes alive at once among those for which `want` is true. @return 0 when out of memory */
uint32_t lanes_peak(const struct lanes *lanes, bool (*want)(const struct lane *lane));

/* Likewise, the most processes alive at once that have such a lane. */
uint32_t lanes_peak_processes(const struct lanes *lanes, bool (*want)(const struct lane *lane));

/* A process that lived only for a moment, or a thread that did: made for one item. */
#define LANES_SHORT_NS UINT64_C(250000000)

/* Not the first process of the target, ended, lived less than LANES_SHORT_NS and a quarter of the run. */
bool lanes_process_is_short(const struct measurement *m, const struct process *process);
