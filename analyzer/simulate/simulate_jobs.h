/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * simulate_jobs: a profile's items made ready for the engine: per-item and per-wait costs added, and merged down to a
 * size that simulates in about a millisecond.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct profile;

struct simulate_step {
    double locked_ns;
    double free_ns;
    double wait_ns;
    bool critical;
};

struct simulate_item {
    size_t first;      /* index into steps */
    size_t count;      /* >= 1 */
    double gate_ns;    /* the dispatcher's serial time before this item can begin */
    double delay_ns;   /* then a latency that holds nothing but the item itself */
    uint32_t original; /* items of the profile in it */
};

struct simulate_jobs {
    struct simulate_step *steps;
    size_t n_steps;
    struct simulate_item *items;
    size_t n_items;
    uint32_t parallel; /* items stand for this many side by side: divide the lanes by it; >= 1 */
};

/* What a model adds to the measured work. */
struct simulate_extra {
    double item_cpu_ns;  /* per item, under the interpreter lock of the worker */
    double item_gate_ns; /* per item, one dispatcher's time */
    double item_wait_ns; /* per item, latency; within the mutex where the item's first step is critical */
    double wait_cpu_ns;  /* per external wait */
};

/*
 * @param lanes  lanes that will work on it; decides whether items are merged one after another or side by side
 * @return 0 (simulate_jobs_clear()) or -ENOMEM
 */
int simulate_jobs_build(const struct profile *p, const struct simulate_extra *extra, uint32_t lanes,
                        struct simulate_jobs *ret_jobs);
void simulate_jobs_clear(struct simulate_jobs *jobs); /* accepts a zeroed struct */
