/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * simulate_engine: lanes, CPUs, interpreter locks, mutexes, barriers and queues, event by event.
 *
 * Knows how bursts and waits compete. Refuses to know models: simulate_model.h translates a model into a setup.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/simulate/simulate_trace.h"

/* Who may run at once, and what it costs. Times in ns. */
struct simulate_setup {
    uint32_t lanes;              /* workers, or items in flight, over all processes; >= 1 */
    uint32_t processes;          /* lane i lives in process i % processes; >= 1 */
    uint32_t cpus;               /* >= 1 */
    bool interpreter_lock;       /* one per process, over locked CPU */
    bool one_core;               /* event loop: all CPU of a process on one lane, run to completion */
    uint32_t executor;           /* threads of each process that its loop hands offloaded bursts to; 0: it hands none */
    double offload_cpu_ns;       /* per offloaded burst, CPU on the loop's core */
    const uint32_t *stage_lanes; /* lanes i < stage_lanes[0] do stage 0, the next ones stage 1, ...; NULL: all do all */
    double start_serial_ns;      /* creator's time per lane: lane i starts after (i + 1) of them */
    double start_cpu_ns;         /* the lane's own CPU before its first item */
    double cpu_scale;            /* factor on the CPU of all steps; 1 */
    double item_cpu_ns;          /* per item, under the interpreter lock of the worker */
    double item_gate_ns;         /* per item, CPU of the one dispatcher that hands them out */
    double item_delay_ns;        /* per item, latency before it; within the mutex where its first step runs under one */
    double wait_cpu_ns;          /* per external wait, under the interpreter lock; negative: less than was measured */
    double lock_turn_ns;         /* after so long a waiter asks for the interpreter lock */
    double lock_switch_ns;       /* CPU that a lane needs to come back when it had to wait for the interpreter lock */
    double slowdown;             /* CPU time of the same work with slowdown_cpus busy / with one; >= 1 */
    uint32_t slowdown_cpus;      /* >= 1 */
    uint32_t prefetch;           /* items that the dispatcher has ready before anybody asks for them */
};

struct simulate_totals {
    double wall_ns; /* with the serial parts of all phases */
    double cpu_ns;  /* with those of the serial parts */
    double busy;    /* CPUs busy at once, mean over all CPU time: what a nanosecond of CPU has around it; >= 1 */
};

/*
 * Run all items to completion. Items are taken in order, by whoever is free, phase after phase.
 * @return 0 or -ENOMEM
 */
int simulate_engine_run(const struct simulate_trace *trace, const struct simulate_setup *setup,
                        struct simulate_totals *ret_totals);
