/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * profile: a measurement boiled down to work that could be arranged differently.
 *
 * Knows how to cut lanes into work items (DESIGN 2). Refuses to judge: simulate.h re-runs it on paper, replay/replay.h
 * for real. A profile is: a serial head, a bag of items, a serial tail. An item is a sequence of steps; a step is CPU
 * under the interpreter lock, CPU without it, then a wait on something outside. That items are independent is an
 * assumption.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probe/measurement.h"

struct profile_step {
    uint64_t locked_cpu_ns; /* CPU that needs the interpreter lock; 0 in runtimes without one */
    uint64_t free_cpu_ns;   /* CPU that any number of threads can do at once */
    uint64_t wait_ns;       /* external wait (network, disk, pipe, sleep) after the CPU */
    bool critical;          /* the step ran under one shared mutex: it can't overlap with another critical step */
};

struct profile_item {
    size_t first_step; /* index into steps */
    size_t n_steps;    /* >= 1 */
};

struct profile {
    enum model current_model;
    uint32_t current_workers;    /* lanes (threads or processes) that worked at once, or waits outstanding at once */
    bool interpreter_lock;       /* the runtime serialises bytecode */
    bool divisible;              /* items are slices of one long CPU burst, cut at will: their boundaries are assumed */
    bool event_loop_blocked;     /* items now run one by one in a loop because calls inside it block */
    bool one_worker_per_item;    /* now: a process (or thread) is created for each item */
    uint64_t head_ns;            /* serial before the first item: start-up, imports (CPU and waits) */
    uint64_t tail_ns;            /* serial after the last */
    uint64_t ipc_ns_per_item;    /* CPU and wait per item that the current model spends on handing it over; 0: none */
    uint64_t switch_ns_per_item; /* futex/context switch cost per item in the current model; 0: none */
    uint64_t idle_ns;       /* wall time with nothing to do, left out of the profile; wall_ns - idle_ns to compare */
    uint64_t serial_cpu_ns; /* CPU within head and tail */
    uint64_t private_bytes; /* memory a further worker process is expected to take; 0: not known */
    struct profile_step *steps;
    size_t n_steps;
    struct profile_item *items; /* cover the steps in order, without gaps */
    size_t n_items;
};

/*
 * @return 0, -ENOMEM, or -ENODATA (nothing that could be rearranged: no CPU and no external waits)
 */
int profile_from_measurement(const struct measurement *m, struct profile **ret_profile);
void profile_free(struct profile *p);
void profile_freep(struct profile **p);
