/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * simulate_window: several steps made one.
 *
 * A sum of many steps is more even than each of them, and even work queues less: so a merged step is not a sum but one
 * of its steps, as much longer as there were steps, and all of them together are stretched to the true sums. Knows how
 * to do that. Refuses to know what should be merged (simulate_merge.c).
 */

#include "analyzer/simulate/simulate_trace.h"

/* A merged step under way. */
struct simulate_bucket {
    struct simulate_step sum;
    struct simulate_step picked; /* one of the steps */
    size_t place;                /* where in their items these steps stand, merged ones counted as one */
    double n;
};

/* What stands beside a step of the trace until all are there: what it will be if it is not the sum. */
struct simulate_variant {
    double locked_ns, free_ns, wait_ns;
    bool merged;
};

struct simulate_window {
    struct simulate_trace *to; /* the caller's */
    struct simulate_bucket *buckets;
    size_t n_buckets, buckets_capacity;
    struct simulate_variant *variants; /* as many as the trace has steps */
    size_t n_variants, variants_capacity;
    size_t first;       /* step of `to` at which the open item begins */
    size_t merge_steps; /* so many of an item become one */
    size_t at;          /* step within the item */
    size_t hint;        /* bucket of the step before */
    uint32_t n_items, picked_item;
    bool alone; /* one item: its buckets can go as soon as they are full */
    uint64_t seed;
};

/* Begin an item of the trace. @param alone  only one item, or several one after another, will be in it */
void simulate_window_open(struct simulate_window *w, bool alone, size_t merge_steps);
/* The next item begins. @return 0 */
int simulate_window_item(struct simulate_window *w);
/* @return 0 or -ENOMEM; so do the others */
int simulate_window_add(struct simulate_window *w, const struct simulate_step *step);
/* End the item; without steps there is none. */
int simulate_window_close(struct simulate_window *w, uint32_t original, uint32_t lane);
/* When all items are there: turn sums into single steps, stretched to the same totals. */
int simulate_window_vary(struct simulate_window *w);
void simulate_window_clear(struct simulate_window *w);
