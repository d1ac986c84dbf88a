/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * simulate_engine: lanes, CPUs, interpreter locks and one mutex, event by event.
 *
 * Knows how bursts and waits compete. Refuses to know models: simulate.c translates a model into a setup.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/simulate/simulate_jobs.h"

/* Who may run at once. Times in ns. */
struct simulate_setup {
    uint32_t lanes;         /* workers, or items in flight, over all processes; >= 1 */
    uint32_t processes;     /* lane i lives in process i % processes; >= 1 */
    uint32_t cpus;          /* >= 1 */
    bool interpreter_lock;  /* one per process, over locked CPU, handed over every 5 ms */
    bool one_core;          /* event loop: all CPU of a process on one lane, run to completion */
    double start_serial_ns; /* creator's time per lane: lane i starts after (i + 1) of them */
    double start_cpu_ns;    /* the lane's own CPU before its first item */
};

/*
 * Run all jobs to completion. Items are taken from one bag, in order, by whoever is free.
 * @return 0 or -ENOMEM
 */
int simulate_engine_run(const struct simulate_jobs *jobs, const struct simulate_setup *setup, double *ret_wall_ns,
                        double *ret_cpu_ns);
