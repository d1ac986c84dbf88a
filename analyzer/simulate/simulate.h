/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * simulate: a profile re-run on paper under one model (trace-driven, deterministic).
 *
 * Knows the models, their worker counts and what they cost; docs/forecast.md has the rules. Refuses to know quotas and
 * memory: the caller bounds the workers by those.
 */

#include <stdint.h>

#include "probe/measurement.h"

struct profile;

struct simulate_costs {
    uint64_t process_start_ns; /* one worker process of this runtime, ready to work */
    uint64_t thread_start_ns;
    uint64_t ipc_item_ns;           /* an item to a worker process and its result back */
    uint64_t ipc_byte_ps;           /* picoseconds that each byte of it adds; 0: not known */
    uint64_t ipc_item_bytes;        /* what an item and its result carry; 0: little */
    uint64_t loop_turn_ns;          /* one event loop turn around a wait */
    uint64_t thread_switch_ns;      /* one thread wake-up around a wait */
    uint64_t lock_turn_ns;          /* a waiter asks for the interpreter lock after it; 0: 5 ms, as CPython */
    uint64_t setup_ns[MODEL_COUNT]; /* once per program: a model's modules imported, its workers ended; 0: nothing */
    double slowdown;                /* CPU time of the same work with every CPU busy / with one; <= 1: none is known */
    uint32_t slowdown_cpus;         /* CPUs that were busy then; also those of the measured run; 0: not known */
};

struct simulate_result {
    uint64_t wall_ns;
    uint64_t cpu_ns; /* all CPU used */
};

/* Costs measured in this run where the measurement has them, else conservative figures for the runtime. */
void simulate_costs_from_measurement(const struct measurement *m, struct simulate_costs *ret_costs);

/*
 * Modules that the target was seen to import cost it nothing more, and nothing less under another model: programs
 * import at the top of their files whatever they may use. Done by simulate_costs_from_measurement() already.
 */
void simulate_costs_skip_imported(const struct measurement *m, struct simulate_costs *costs);

/*
 * @param workers  threads, processes, or for coroutines the number in flight (per process for processes+coroutines)
 * @return 0, -ENOMEM, -EINVAL (workers or cpus 0)
 */
int simulate(const struct profile *p, const struct simulate_costs *costs, enum model model, uint32_t workers,
             uint32_t cpus, struct simulate_result *ret_result);

/*
 * The program as it is now: its model, its workers, what it pays per item (a worker started for each, hand-overs),
 * and a blocked event loop taken as the one-by-one execution that it is.
 * @return as simulate()
 */
int simulate_current(const struct profile *p, const struct simulate_costs *costs, uint32_t cpus,
                     struct simulate_result *ret_result);

/*
 * What no worker count changes: head and tail of the profile, and what a program pays once for the machinery of a model
 * that is not its own.
 */
uint64_t simulate_fixed_ns(const struct profile *p, const struct simulate_costs *costs, enum model model);

/* One model with one worker count; for MODEL_PROCESSES_COROUTINES the count is per process. */
struct simulate_point {
    uint32_t workers;
    struct simulate_result result;
};

#define SIMULATE_MAX_POINTS 32

/*
 * The curve of a model over its workers: 1, 2, 3, 4, 6, 8, 12, ... up to the useful limit; the number of CPUs is among
 * them. The limit is the number of items, and: twice the CPUs for threads and processes without waits; with waits 256
 * threads, 1024 coroutines in flight, 16 processes or twice the CPUs. The curve ends earlier when it has become flat.
 * @return as simulate(); at least one point
 */
int simulate_scaling(const struct profile *p, const struct simulate_costs *costs, enum model model, uint32_t cpus,
                     struct simulate_point ret_points[SIMULATE_MAX_POINTS], size_t *ret_n);

/*
 * The smallest worker count whose wall time is within 3 % of the best one; of event loops that hid how long their
 * waits take no fewer in flight than they had (profile.busy_in_flight). For MODEL_PROCESSES_COROUTINES the count is
 * per process. Replays are planned with the same function.
 * @param ret_result  may be NULL
 * @return as simulate()
 */
int simulate_best_workers(const struct profile *p, const struct simulate_costs *costs, enum model model, uint32_t cpus,
                          uint32_t *ret_workers, struct simulate_result *ret_result);

/*
 * Threads that the loop of MODEL_COROUTINES hands long calls to: what concurrent.futures.ThreadPoolExecutor, asyncio's
 * default, has (Lib/concurrent/futures/thread.py, 3.8 and later: min(32, CPUs + 4)).
 */
uint32_t simulate_executor_threads(uint32_t cpus);

/* Processes that MODEL_PROCESSES_COROUTINES runs: one per CPU, never more than there are items; >= 1. */
uint32_t simulate_loop_processes(const struct profile *p, uint32_t cpus);
