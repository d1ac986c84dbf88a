/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * wait_for: who waits for whom, by groups of threads. Knows how to add up measurement.wakers; refuses to judge whether
 * the waiting is a flaw.
 */

#include <stddef.h>

struct measurement;
struct thread_groups;
struct thread_index;
struct wait_for;

/*
 * Rows whose threads are not on record are left out.
 * @param ret_waits  heap array, wait_for_clear() each; NULL with 0 of them when nobody waited for anybody
 * @return 0 or -ENOMEM (outputs untouched)
 */
int wait_for_fill(const struct measurement *m, const struct thread_index *index, const struct thread_groups *groups,
                  struct wait_for **ret_waits, size_t *ret_n);
