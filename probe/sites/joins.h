/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * joins: brings together what the kernel side sent apart under one id: the Python and the native half of a stack, the
 * stack of whoever ended the wait, that of whoever held the interpreter lock meanwhile.
 *
 * Keeps what is not yet asked for: a wait's parts until the wait is over, a sample's until its halves had time to come.
 * At most JOINS_MAX; the oldest go first.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"

#define JOINS_MAX TABLE_SIZE(65536u, 256u)
#define JOIN_NONE UINT32_MAX

/* A stack by its halves: indices of stacks.h and natives.h, or JOIN_NONE. */
struct join_stack {
    uint32_t python;
    uint32_t native;
};

struct join {
    uint32_t id; /* 0: none */
    uint32_t tid, tgid;
    uint64_t time;      /* when the stack was taken: as the wait began */
    uint32_t waker_tid; /* whose stack `waker` is; 0: none came */
    uint32_t owner_tid; /* of the mutex waited for; 0: not known */
    bool sample;
    bool lock_held; /* a sample: the thread held the interpreter lock */
    bool taken;     /* one of the halves of `stack` came, though it may have no name */
    struct join_stack stack;
    struct join_stack waker;
    struct join_stack holder;
    uint64_t step; /* see stack_table_add() */
    bool timers_known;
    uint32_t timers; /* of the asyncio loop that waits here */
    double sleepers; /* of these, those that end an asyncio.sleep(), as far as looked at */
    uint64_t age;
};

struct joins; /* opaque */

struct joins *joins_new(void);        /* NULL: no memory */
void joins_free(struct joins *joins); /* NULL-safe */

/* The entry with that id, made when missing; valid until the next call. */
struct join *joins_get(struct joins *joins, uint32_t id);

/* The entry with that id, which stays; valid until the next call. NULL: there is none */
const struct join *joins_find(struct joins *joins, uint32_t id);

/* Take the entry with that id out. @return false: there is none */
bool joins_take(struct joins *joins, uint32_t id, struct join *ret_join);

/* Called for a sample whose halves have come. */
typedef void (*joins_sample_fn)(const struct join *join, void *userdata);

/* Note that the entry is a sample; joins_flush() will pass it on. @return 0 or -ENOMEM */
int joins_note_sample(struct joins *joins, struct join *join);

/* Pass on and forget the samples noted before the last flush; with `all` those since, too. */
void joins_flush(struct joins *joins, bool all, joins_sample_fn sample, void *userdata);
