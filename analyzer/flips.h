/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * flips: what would change the advice.
 *
 * Knows the path and walks the tree again with one answer turned around. Refuses to guess: each condition names the
 * number that would have to cross its limit.
 */

#include "analyzer/advice.h"

struct measurement;
struct metrics;
struct tree;
struct tree_leaf;

/* Fill recommendation->flips_if. @return 0 or -ENOMEM */
int flips_fill(const struct measurement *m, const struct tree *tree, const struct metrics *metrics,
               const struct tree_leaf *leaf, struct advice *advice);
