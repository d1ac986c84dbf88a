/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * profile_items: one lane's slices brought into a common form, and cut into work items.
 *
 * Knows slices, their decimation, and the ways to cut. Refuses to know which lanes matter (profile_lanes.h).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/profile/profile.h"

/* A slice with a place in time, scaled so that a lane's pieces add up to what the lane spent. */
struct piece {
    uint64_t start_ns; /* since the target's start; approximate */
    uint64_t cpu_ns;
    uint64_t wait_ns; /* the wait after it, whatever the cause */
    uint64_t address;
    uint64_t waker_cpu_ns; /* CPU time of the waker's life when it ended the wait */
    enum cause cause;
    int32_t waker_tid;
    uint16_t lock;   /* as in struct profile_step: CPU and wait ran under that mutex */
    bool queued;     /* the wait was for a mutex: neither a hand-over nor a wait outside */
    bool from_lane;  /* another lane that works ended the wait */
    bool ends_item;  /* a result was handed in at the end of its CPU */
    bool ends_phase; /* during its wait all workers stood still while the program went on by itself */
};

struct pieces {
    struct piece *list;
    size_t count;
    uint64_t end_ns; /* the lane's death */
    bool exact;      /* each stands for one slice, at its place in time: positions and wakers can be relied upon */
};

/* Where a lane is cut. */
enum cut {
    CUT_LANE,    /* nowhere: the lane is one item */
    CUT_HANDOFF, /* after each wait for work from another thread or process, and each idle wait */
    CUT_WAITS,   /* before each external wait of some length; CPU bursts in between go with the wait before */
};

#define MAX_PERIOD 8 /* waits of one item that can be told from items with one wait each */

struct cut_options {
    enum cut cut;
    double handover;    /* share of CPU that is not the items' (profile_handover.h) */
    double locked;      /* share of CPU under the interpreter lock */
    double critical;    /* share of the work under one shared mutex, beyond what pieces tell */
    uint16_t lock;      /* that mutex, as in struct profile_step */
    bool critical_cpu;  /* only CPU runs under it, no waits */
    bool worker;        /* the lane has no head: what comes before its first wait belongs to its first item */
    uint16_t stage;     /* of its steps */
    uint32_t lane;      /* of its items */
    size_t period;      /* CUT_WAITS: external waits per item; 0 and 1: one */
    size_t offset;      /* CUT_WAITS: the first item has so many waits, if not 0 */
    uint64_t min_wait;  /* CUT_WAITS: shorter external waits stay within their item */
    double wait_factor; /* CUT_WAITS: each wait stands for so much outstanding time (event loops); 1 otherwise */
};

/* @return a wait on something outside the target that could overlap with other work */
bool piece_waits_outside(const struct piece *piece);

/* The pieces of a thread; made up from its totals where it has no slices. @return 0 (free(ret->list)) or -ENOMEM */
int pieces_from_thread(const struct thread *t, struct pieces *ret);

/* External wait that counts as one item's wait: shorter ones make up less than a tenth of all waiting. */
uint64_t pieces_min_wait(const struct pieces *pieces);

/* A profile under construction. */
struct profile_builder {
    struct profile *profile;
    size_t steps_capacity, items_capacity;
    size_t open_first;    /* first step of the open item */
    uint64_t open_work;   /* CPU and waits in it */
    uint64_t open_start;  /* when it began */
    double critical_debt; /* waits already due to run under the mutex, for an even spread */
    uint64_t *starts;     /* when each item began; owned, see builder_clear() */
    size_t starts_capacity;
};

void builder_clear(struct profile_builder *b); /* not the profile */

/* Append a step to the open item. @return 0 or -ENOMEM */
int builder_push(struct profile_builder *b, struct profile_step step);

/* End the open item, if it has steps; it began at `start_ns`. @return 0 or -ENOMEM */
int builder_close(struct profile_builder *b, uint32_t lane, uint64_t start_ns);

/*
 * Append the items of pieces [first, count) of one lane.
 * @return 0 or -ENOMEM
 */
int builder_cut(struct profile_builder *b, const struct pieces *pieces, size_t first,
                const struct cut_options *options);

/*
 * Replace CPU bursts longer than `longest_ns` by chunks that are items of their own (the assumption `divisible`).
 * @return 0 or -ENOMEM
 */
int builder_divide(struct profile_builder *b, uint64_t longest_ns);
