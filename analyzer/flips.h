/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * flips: what would change the advice.
 *
 * Asks the simulation with one thing about the program changed: longer waits, less work, more CPUs, ... and looks for
 * the smallest change at which another model is ahead by more than a tie. Where the tree decided against what is
 * fastest, its limits say what would change that (flips_path.h).
 */

#include "analyzer/advice.h"

struct forecast;
struct measurement;
struct metrics;
struct tree;
struct tree_leaf;

/* What the tree is asked with, when it decided. */
struct flips_path {
    const struct tree *tree;
    const struct metrics *metrics;
    const struct tree_leaf *leaf;
};

/* Fill recommendation->flips_if, the nearest first; none when nothing flips. @return 0 or -ENOMEM */
int flips_fill(const struct measurement *m, const struct forecast *f, const struct flips_path *path,
               struct advice *advice);
