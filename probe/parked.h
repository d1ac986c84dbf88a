/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * parked: the futexes on which a pool's idle workers wait for work, recognised by the stack of such a wait.
 *
 * To the kernel a worker of concurrent.futures.ThreadPoolExecutor that waits for work looks like one that queues for a
 * threading.Lock: a semaphore that several threads wait on, and on which they even wake each other (queue.SimpleQueue
 * passes its lock on; so does the shutdown of the pool). Only the Python line tells. What waits there has nothing to
 * do.
 */

#include <stdbool.h>
#include <stdint.h>

struct collector;
struct run_process;
struct stack_table;
struct tally_pair;

/* Is this Python stack that of a pool's worker that waits for work? JOIN_NONE: no. */
bool parked_is_place(const struct stack_table *table, uint32_t stack);

/* Remember that workers of this process are parked on this futex (bits 0-31 of its address). NULL-safe. */
void parked_note(struct run_process *process, uint32_t address_low);

/* Was a worker of this process seen to be parked there? NULL-safe. */
bool parked_has(const struct run_process *process, uint32_t address_low);

/* Do these two meet where the waiter is parked? */
bool parked_pair(const struct collector *c, const struct tally_pair *pair);

/* What threads waited parked, from the exact table of futexes into run_thread.pool_idle_ns. Before any is filled in. */
void parked_sum(struct collector *c);
