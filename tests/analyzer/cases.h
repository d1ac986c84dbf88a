/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * cases: the programs of the articles as synthetic measurements, one maker per leaf of the tree. Each takes the number
 * that decides, so that tests can step over a limit.
 */

#include "builder.h"

/* Leaf id and a measurement that ends there. */
struct leaf_case {
    const char *leaf; /* wording id of the leaf */
    struct measurement *(*make)(void);
    enum model current;
    enum model model;
    enum change change;
};

extern const struct leaf_case leaf_cases[];
extern const size_t n_leaf_cases;

struct measurement *case_serial_waits(enum runtime_kind kind, size_t waits, uint64_t wait_ns, uint64_t cpu_ns);
struct measurement *case_gil_threads(size_t threads, uint64_t cpu_ns, uint64_t gil_ns);
/* Threads side by side, each for `cpu_ns` and waiting for a CPU for `runnable_ns`. */
struct measurement *case_busy_threads(enum runtime_kind kind, uint32_t cpus, size_t threads, uint64_t cpu_ns,
                                      uint64_t runnable_ns);
/* `n` threads or processes one after another, each for `cpu_ns`. */
struct measurement *case_brief_workers(enum runtime_kind kind, bool processes, size_t n, uint64_t cpu_ns);
struct measurement *case_serial_cpu(enum runtime_kind kind, uint64_t cpu_ns);
struct measurement *case_loop(uint64_t turns, uint64_t cpu_ns, uint64_t wait_ns, uint32_t outstanding);
