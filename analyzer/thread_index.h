/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * thread_index: thread and process rows by their numbers, which the kernel reuses.
 *
 * Knows which of several threads with one tid lived at a given time. Refuses to know what threads do. Borrows the
 * measurement, which must outlive it.
 */

#include <stddef.h>
#include <stdint.h>

struct measurement;
struct process;
struct thread_index;

#define THREAD_INDEX_NONE SIZE_MAX

/* @return 0 (ret_index owned by the caller, thread_index_free()) or -ENOMEM; O(n log n) in rows */
int thread_index_new(const struct measurement *m, struct thread_index **ret_index);
void thread_index_free(struct thread_index *index); /* NULL-safe */
void thread_index_freep(struct thread_index **index);

/*
 * The latest thread of that number born at `at_ns` or before; where all were born later, the first of them.
 * @return its place in m->threads, or THREAD_INDEX_NONE: there is no row with that tid; O(log n)
 */
size_t thread_index_find(const struct thread_index *index, int32_t tid, uint64_t at_ns);

/* Likewise for a process. @return NULL: no row */
const struct process *thread_index_process(const struct thread_index *index, int32_t pid, uint64_t at_ns);
