/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * flips_path: what would change the advice where a limit of the tree decided it, and not the forecast: that little is
 * at stake, or that a flaw comes first.
 *
 * Knows the path and walks the tree again with one answer turned around. Each condition names the number that would
 * have to cross its limit.
 */

#include "analyzer/advice.h"

struct metrics;
struct tree;
struct tree_leaf;

/* Fill recommendation->flips_if. @return 0 or -ENOMEM */
int flips_by_path(const struct tree *tree, const struct metrics *metrics, const struct tree_leaf *leaf,
                  struct advice *advice);
