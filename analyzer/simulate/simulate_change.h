/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * simulate_change: what if? The same profile with something about it changed, on paper under one model.
 *
 * Knows how to change a copy of a profile and its costs. Refuses to say which changes are worth asking about.
 */

#include <stdbool.h>
#include <stdint.h>

#include "probe/measurement.h"

struct profile;
struct simulate_costs;
struct simulate_result;

/* Factors on what was measured: 1.0 leaves it as it is, 0.0 takes it away. Start from SIMULATE_NO_CHANGE. */
struct simulate_change {
    double wait_factor;          /* on external waits inside items */
    double cpu_factor;           /* on CPU inside items */
    double locked_factor;        /* on the share of that CPU that holds the interpreter lock; the CPU stays the same */
    double items_factor;         /* on the number of items: repeated or dropped evenly, at least one is left */
    double process_start_factor; /* on the cost of a worker process */
    double ipc_factor;           /* on the cost of handing an item to a worker process, as measured and in general */
    bool no_interpreter_lock;    /* a runtime without one */
    uint64_t item_bytes;         /* what an item and its result carry between processes; 0: as it is */
};

#define SIMULATE_NO_CHANGE ((struct simulate_change){1.0, 1.0, 1.0, 1.0, 1.0, 1.0, false, 0})

/*
 * The best worker count of a model for the changed profile, and what it takes then. Neither profile nor costs are
 * touched; the same arguments give the same answer.
 * @param ret_workers  as simulate_best_workers(): per process for MODEL_PROCESSES_COROUTINES
 * @param ret_result   may be NULL
 * @return 0, -ENOMEM, -EINVAL (a factor negative or not finite, cpus 0, no such model), -E2BIG (millions of steps)
 */
int simulate_changed(const struct profile *p, const struct simulate_costs *costs, const struct simulate_change *change,
                     enum model model, uint32_t cpus, uint32_t *ret_workers, struct simulate_result *ret_result);
