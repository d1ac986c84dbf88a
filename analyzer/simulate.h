/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * simulate: a profile re-run on paper under one model (trace-driven, deterministic).
 *
 * Knows CPUs, the interpreter lock (handed over every 5 ms: sys.getswitchinterval()), start-up and hand-over costs.
 */

#include <stdint.h>

#include "probe/measurement.h"

struct profile;

struct simulate_costs {
    uint64_t process_start_ns; /* one worker process of this runtime, ready to work */
    uint64_t thread_start_ns;
    uint64_t ipc_item_ns;      /* an item to a worker process and its result back */
    uint64_t loop_turn_ns;     /* one event loop turn around a wait */
    uint64_t thread_switch_ns; /* one thread wake-up around a wait */
};

struct simulate_result {
    uint64_t wall_ns;
    uint64_t cpu_ns; /* all CPU used */
};

/* Costs measured in this run where the measurement has them, else conservative figures for the runtime. */
void simulate_costs_from_measurement(const struct measurement *m, struct simulate_costs *ret_costs);

/*
 * @param workers  threads, processes, or for coroutines the number in flight (per process for processes+coroutines)
 * @return 0, -ENOMEM, -EINVAL (workers or cpus 0)
 */
int simulate(const struct profile *p, const struct simulate_costs *costs, enum model model, uint32_t workers,
             uint32_t cpus, struct simulate_result *ret_result);
