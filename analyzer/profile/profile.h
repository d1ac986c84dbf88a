/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * profile: a measurement boiled down to work that could be arranged differently.
 *
 * Knows how to cut lanes into work items (DESIGN 2). Refuses to judge: simulate.h re-runs it on paper, replay/replay.h
 * for real. A profile is: a serial head, a bag of items, a serial tail. An item is a sequence of steps; a step is CPU
 * under the interpreter lock, CPU without it, then a wait on something outside. That items are independent is an
 * assumption.
 *
 * The structure is kept: phases (what stays serial between rounds of items), lanes (which items one thread ran), locks
 * by address, and stages (lanes that each do one part of every item and hand it on).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probe/measurement.h"

/* A critical section is one step, even where it has CPU after its wait, or several waits. */
struct profile_step {
    uint64_t locked_cpu_ns; /* CPU that needs the interpreter lock; 0 in runtimes without one */
    uint64_t free_cpu_ns;   /* CPU that any number of threads can do at once */
    uint64_t wait_ns;       /* external wait (network, disk, pipe, sleep) after the CPU */
    enum cause cause;       /* of the wait; any when wait_ns is 0 */
    uint16_t lock;          /* 1 + index into locks: the step, wait included, runs under that mutex; 0: under none */
    uint16_t stage;         /* below n_stages: the group of lanes that runs it in the current arrangement */
    bool offload;           /* a long burst that mostly lets go of the interpreter lock: an event loop hands its CPU to
                               a thread of its executor (asyncio.to_thread) instead of standing still */
};

struct profile_item {
    size_t first_step; /* index into steps */
    size_t n_steps;    /* >= 1 */
    uint32_t lane;     /* below n_lanes: the lane that ran it as recorded (its last stage) */
    uint32_t phase;    /* below n_phases, never falling from one item to the next */
};

/* What is serial before the items of a phase: they begin when it is over, it begins when all items before are done. */
struct profile_phase {
    uint64_t serial_ns;     /* 0 for the first phase: that is the head */
    uint64_t serial_cpu_ns; /* CPU in it */
};

/* A mutex that items share. */
struct profile_lock {
    int32_t pid;
    uint64_t address; /* 0: not one lock, but lanes that only ever take turns */
};

/* What was seen that speaks against the assumption that items are independent. Counts are of the whole run. */
struct profile_dependence {
    uint64_t hand_offs;  /* waits inside items that another worker lane ended */
    uint64_t lock_waits; /* waits for the mutexes in locks */
    uint64_t passed_on;  /* items that began when another lane's item handed something on (pipelines, rings) */
    double locked_share; /* of the work: ran under one of the mutexes, 0..1 */
};

struct profile {
    enum model current_model;
    uint32_t current_workers;    /* lanes (threads or processes) that worked at once, or waits outstanding at once */
    bool interpreter_lock;       /* the runtime serialises bytecode */
    bool divisible;              /* items are slices of one long CPU burst, cut at will: their boundaries are assumed */
    bool event_loop_blocked;     /* items now run one by one in a loop because calls inside it block */
    uint32_t executor_threads;   /* threads that an event loop hands long calls to now; 0: none */
    bool nothing_to_await;       /* the work is in calls that no event loop of this runtime can await: disks, long
                                    bursts. Whole tasks then live in threads of the loop's executor, if there is one */
    bool waits_unknown;          /* an event loop waited for no one knows how many at once: what is forecast for serial
                                    and threads is a lower bound */
    bool tasks_held_up;          /* an event loop with time to spare had much less under way than at its peak: its tasks
                                    wait for each other at something that is not in the trace */
    uint32_t busy_in_flight;     /* of event loops that were always busy, so that nobody saw how long waits take: what
                                    they had in flight, all together; whether fewer would do is not known; 0: none */
    bool commands;               /* items are programs of their own, started for each in whichever model: their CPU is
                                    beside the loop or the interpreter lock that waits for them */
    bool one_worker_per_item;    /* now: a process (or thread) is created for each item */
    uint64_t head_ns;            /* serial before the first item: start-up, imports (CPU and waits) */
    uint64_t tail_ns;            /* serial after the last */
    uint64_t ipc_ns_per_item;    /* CPU and wait per item that the current model spends on handing it over; 0: none */
    uint64_t switch_ns_per_item; /* futex/context switch cost per item in the current model; 0: none */
    uint64_t idle_ns;       /* wall time with nothing to do, left out of the profile; wall_ns - idle_ns to compare */
    uint64_t serial_cpu_ns; /* CPU within head and tail */
    /* Wall time lost to the machine's other programs, an estimate: threads were ready and CPUs not all the target's. A
       profile has no such waits: subtract it, too, from wall_ns to compare. */
    uint64_t foreign_runnable_ns;
    bool fixed_lanes;       /* items belong to their lanes (each had its share from the start); else a common bag */
    uint64_t private_bytes; /* memory a further worker process is expected to take; 0: not known */
    struct profile_step *steps;
    size_t n_steps;
    struct profile_item *items; /* cover the steps in order, without gaps */
    size_t n_items;
    uint32_t n_lanes; /* >= 1 with items */
    struct profile_phase *phases;
    uint32_t n_phases; /* >= 1 with items */
    struct profile_lock *locks;
    uint16_t n_locks;
    uint32_t *stage_lanes; /* lanes of each stage in the current arrangement */
    uint16_t n_stages;     /* >= 1 with items; 1: every lane does whole items */
    struct profile_dependence dependence;
};

/*
 * @return 0, -ENOMEM, or -ENODATA (nothing that could be rearranged: no CPU and no external waits)
 */
int profile_from_measurement(const struct measurement *m, struct profile **ret_profile);

/* Is there anything that would make an event loop stand still, so that it hands it to threads? */
bool profile_has_long_calls(const struct profile *p);

void profile_free(struct profile *p);
void profile_freep(struct profile **p);
