/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * tree_internal: what the files of the tree share: tree.c (reads JSON), tree_check.c (graph), tree_walk.c (engine).
 */

#include "analyzer/tree.h"
#include "base/base.h"

/* Where a branch goes: a node (leaf false) or a leaf. */
struct tree_target {
    bool leaf;
    size_t index;
};

struct tree {
    char *root;
    struct tree_target root_target;
    struct tree_node *nodes; /* strings are owned */
    struct tree_target *yes; /* resolved branches, one per node */
    struct tree_target *no;
    size_t n_nodes;
    struct tree_leaf *leaves; /* strings are owned */
    size_t n_leaves;
};

/* What is wrong and at which id (so that the line can be found); `id` NULL: the file as a whole. */
struct tree_problem {
    char reason[256];
    char id[96];
};

/* @return -EBADMSG, always */
int tree_problem_set(struct tree_problem *ret, const char *id, const char *format, ...) PRINTF_LIKE(3, 4);

/*
 * Resolve branches; check that every id is defined once, every branch leads somewhere, nothing is unreachable and
 * there is no circle.
 * @return 0, -EBADMSG (ret_problem filled), -ENOMEM
 */
int tree_check(struct tree *tree, struct tree_problem *ret_problem);

/* @return true when `value comparison limit` holds; comparison must be one of tree_comparisons */
bool tree_compare(double value, const char *comparison, double limit);
extern const char *const tree_comparisons[5];
