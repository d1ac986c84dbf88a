/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * profile_pattern: how many waits an item has.
 *
 * A lane that connects, sends, receives and computes, again and again, shows waits that repeat with a period. Knows
 * lengths and causes of waits and bursts. Refuses to guess: unless a period is plain to see, it is one wait.
 */

#include <stddef.h>
#include <stdint.h>

#include "analyzer/profile/profile_items.h"

struct measurement;

struct pattern {
    size_t period; /* waits per item, 1..MAX_PERIOD */
    size_t offset; /* waits in the first item, 0: as many as in the others */
};

/*
 * The pattern of lanes that do the same. Items of several sizes in turn look like it, too; so a period needs waits of
 * several causes, some under a mutex, or several places in the code that wait outside.
 * @param lanes     pieces of each; the first `first[i]` pieces of lane i do not count (NULL: all do)
 * @param min_wait  per lane: shorter waits do not count
 * @return 0 or -ENOMEM
 */
int pattern_find(const struct measurement *m, const struct pieces *const *lanes, const size_t *first,
                 const uint64_t *min_wait, size_t n, struct pattern *ret_pattern);
