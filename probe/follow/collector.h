/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * collector: takes the helper's messages in as they come and keeps the run's state until a measurement is made of it.
 *
 * Runs in the unprivileged front end. Knows the wire's contents; refuses to judge.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "probe/sites/hash_index.h"
#include "probe/follow/run_state.h"
#include "probe/sites/tally.h"
#include "probe/follow/watch.h"
#include "probe/wire.h"

struct joins;
struct live;
struct natives;
struct stack_table;

/* Where a connection was opened (struct peer_value.stack_id). */
struct connect_stack {
    uint32_t id;
    struct join_stack stack;
};

struct collector {
    struct run_state state;
    struct stack_table *stacks; /* the Python halves */
    struct natives *natives;    /* the native halves */
    struct joins *joins;
    struct tally tally;
    struct connect_stack *connects;
    size_t n_connects, connects_capacity;
    struct hash_index connect_index; /* by id */
    struct watch watch;
    int helper; /* socket, to register Python processes; borrowed */
    uint32_t root;
    uint64_t released_ns; /* CLOCK_MONOTONIC */
    struct wire_status status;
    struct wire_final final;
    bool finished;          /* WIRE_FINAL has come */
    bool samples_user_code; /* and no other: SAMPLING_TICKS */
    uint64_t parallelism_ns[PARALLELISM_MAX];
    struct wire_futex *futexes;
    size_t n_futexes, futexes_capacity;
    struct wire_peer *peers;
    size_t n_peers, peers_capacity;
    uint64_t obituaries;
    uint64_t slices_refused; /* impossible ones; they count as lost */
    struct live *live;       /* owned; NULL: nobody looks on */
    uint64_t next_look;      /* when to look at the processes again */
    /* What looks may still cost of CPU time: they compete with the target where all CPUs are busy. */
    int64_t look_credit_ns;
    uint64_t last_tick;
};

/* @return 0 or -ENOMEM */
int collector_init(struct collector *collector, pid_t root, int helper, size_t max_slices);
void collector_clear(struct collector *collector);

/* @return 0, -ENOMEM, -EPROTO (a message that makes no sense) */
int collector_feed(struct collector *collector, const struct wire_header *header, const void *payload);

/* No more messages will come: pass on what waited for its other half. */
void collector_finish(struct collector *collector);

/* Work that is due by the clock: looks at /proc. */
void collector_tick(struct collector *collector, uint64_t now);
