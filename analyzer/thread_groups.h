/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * thread_groups: what to call threads, one by one and as the pools they are.
 *
 * Threads whose names differ in a number only ("pool-1-thread-3") are one group, and so are a program's unnamed threads
 * (they carry the name of their process) and processes of one name. The target's first thread is a group of its own.
 * Knows names; refuses to know time. Borrows measurement and index.
 */

#include <stddef.h>
#include <stdint.h>

struct measurement;
struct thread_groups;
struct thread_index;

/* @return 0 (ret_groups owned by the caller, thread_groups_free()) or -ENOMEM; O(n log n) in threads */
int thread_groups_new(const struct measurement *m, const struct thread_index *index, struct thread_groups **ret_groups);
void thread_groups_free(struct thread_groups *groups); /* NULL-safe */
void thread_groups_freep(struct thread_groups **groups);

size_t thread_groups_count(const struct thread_groups *groups);

/* The group of the thread in that place of m->threads. */
size_t thread_groups_of(const struct thread_groups *groups, size_t thread);

/*
 * A name for `threads` members of a group in `processes` processes, of which `thread` (a place in m->threads) is one:
 * "main", "worker-3", "thread 4712", "python3 4713", "worker-* (8)", "8 threads", "4 python3 processes". Names are the
 * target's raw bytes.
 * @return a heap string, or NULL (out of memory)
 */
char *thread_groups_label(const struct thread_groups *groups, size_t thread, size_t threads, size_t processes);
