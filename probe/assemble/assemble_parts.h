/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * assemble_parts: the derived parts of a measurement, one file each. For assemble.c only; called in this order, with
 * the threads and processes of `m` filled in.
 */

#include <stdbool.h>

#include "probe/cause.h"

struct collector;
struct event_loop;
struct measurement;
struct run_process;
struct run_thread;
struct thread;

/* The circumstances of a process (NULL: none known) for one of its waits. */
struct wait_context assemble_context(const struct run_process *process, bool interpreter_lock);

int assemble_external_union(const struct collector *c, struct measurement *m); /* 0 or -ENOMEM */
int assemble_loops(const struct collector *c, struct measurement *m);          /* 0 or -ENOMEM */
int assemble_locks(const struct collector *c, struct measurement *m);          /* 0 or -ENOMEM */

/*
 * Everything with stacks: sites, holders, wakers, peers, modules. Names what was collected; call it last.
 * @return 0 or -ENOMEM
 */
int assemble_all_stacks(struct collector *c, struct measurement *m);

/* Find the pools of libuv among the threads (run_thread.pool_futex). Before any thread is filled in. 0 or -ENOMEM */
int assemble_pools(struct collector *c);

/* pool_threads and pool_full_ns of a loop of node. @return 0 or -ENOMEM */
int assemble_pool(const struct collector *c, struct event_loop *loop);

/* What the runtime's habits say about the waits of a thread that is filled in. Its lifetime stays the same. */
void assemble_runtime_waits(const struct run_thread *from, const struct run_process *process, struct thread *to);

/* Is this one of the runtime's own threads, by what it does (names: thread_names.h)? */
bool assemble_is_helper(const struct run_thread *thread, const struct run_process *process);

/* Notes on what can't be seen of the target's runtime. @return 0 or -ENOMEM */
int assemble_runtime_notes(struct measurement *m);
