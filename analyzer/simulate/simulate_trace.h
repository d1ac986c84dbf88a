/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * simulate_trace: a profile's work made ready for the engine, and merged down to a size that simulates in about a
 * millisecond.
 *
 * What merging keeps: the sums of everything, big items and big steps as they are, what runs under which lock, single
 * items at the ragged end, and how often the interpreter lock is asked for.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct profile;

struct simulate_step {
    double locked_ns;
    double free_ns;
    double wait_ns;
    double waits;    /* external waits of the profile in it */
    double requests; /* how often the work in it lets go of the interpreter lock */
    uint16_t lock;   /* 1 + index of the mutex; 0: none */
    uint16_t stage;
    bool offload;  /* as in struct profile_step */
    double bursts; /* of the profile in it that are offloaded */
};

struct simulate_item {
    double work_ns;    /* CPU and waits of its steps */
    size_t first;      /* index into steps */
    uint32_t count;    /* >= 1 */
    uint32_t original; /* items of the profile in it */
    uint32_t lane;
};

/* Items between two barriers. */
struct simulate_phase {
    double serial_ns; /* before its items */
    double serial_cpu_ns;
    double weight; /* it stands for so many times what its items take; 1 unless there are too many phases to run all */
    size_t first_item;
    size_t n_items;
};

struct simulate_trace {
    const struct profile *source; /* the steps are still those of this profile, steps is NULL; NULL: they are here */
    struct simulate_step *steps;
    size_t n_steps, steps_capacity;
    struct simulate_item *items;
    size_t n_items, items_capacity;
    struct simulate_phase *phases;
    size_t n_phases; /* >= 1 */
    uint32_t n_locks;
    uint32_t n_stages;
    double requests; /* mean requests of the steps that have any; >= 1 */
};

/*
 * The whole profile; its steps are not copied, so it must outlive the trace. Items without any time are left out.
 * @return 0 (simulate_trace_clear()) or -ENOMEM
 */
int simulate_trace_from_profile(const struct profile *p, struct simulate_trace *ret_trace);

/*
 * A copy, ready for the engine, with about `budget` steps, or as many as there are.
 * @param lanes    that will work on it: items get single towards the end so that the lanes end as raggedly as they
 * would
 * @param by_lane  each lane's items of a phase become one item: it does them all, in order
 * @return 0 (simulate_trace_clear()) or -ENOMEM
 */
int simulate_trace_merge(const struct simulate_trace *trace, uint32_t lanes, bool by_lane, size_t budget,
                         struct simulate_trace *ret_trace);
void simulate_trace_clear(struct simulate_trace *trace); /* accepts a zeroed struct */
