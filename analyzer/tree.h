/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * tree: the decision tree as data (tree.json) and the small, pure engine that walks it.
 *
 * Knows nodes, comparisons and leaves. Refuses to know what a metric means: it asks by name.
 */

#include <stdbool.h>
#include <stddef.h>

#include "analyzer/advice.h"

struct tree; /* opaque */

struct tree_leaf {
    const char *id;
    enum model model;   /* MODEL_NONE: no verdict */
    bool model_current; /* "current": stay with the model in use */
    enum change change;
    const char *wording; /* id in report/wording */
    bool firm;           /* the evidence can't overrule it: its reason is not one that a replay sees */
};

/* Read-only view of a node, for drawing and for the engine's tests. */
struct tree_node {
    const char *id;
    const char *question;
    const char *metric;
    const char *comparison; /* ">=", ">", "<", "<=", "==" */
    double limit;
    const char *unit;
    const char *reason;
    const char *yes; /* id of a node or leaf */
    const char *no;
};

/* A metric by name. @return 0, or -ENOENT */
typedef int (*tree_metric_fn)(const char *name, double *ret_value, void *userdata);

/* The tree compiled into the program. Never NULL; static lifetime (loaded on first use). */
const struct tree *tree_builtin(void);

/*
 * Load from a file.
 * @param message  "FILE:LINE: reason" on failure ("FILE: reason" when it can't be read)
 * @return 0 (ret_tree: tree_free()), -errno, -EBADMSG (not JSON, unknown metric, missing node, a circle, ...)
 */
int tree_load(const char *path, struct tree **ret_tree, char *message, size_t size);
void tree_free(struct tree *tree);

/*
 * Walk. Steps are appended in order; the caller owns them (as in struct advice).
 * @return 0, -ENOMEM, -ENOENT (metric not known)
 */
int tree_walk(const struct tree *tree, tree_metric_fn metric, void *userdata, struct decision_step **ret_steps,
              size_t *ret_n_steps, struct tree_leaf *ret_leaf);

/*
 * Walk with the answer at one node turned around: where would the same numbers lead if that one crossed its limit?
 * @param flip  id of the node
 * @return as tree_walk()
 */
int tree_walk_flipped(const struct tree *tree, tree_metric_fn metric, void *userdata, const char *flip,
                      struct tree_leaf *ret_leaf);

size_t tree_node_count(const struct tree *tree);
struct tree_node tree_node_at(const struct tree *tree, size_t index);
size_t tree_leaf_count(const struct tree *tree);
struct tree_leaf tree_leaf_at(const struct tree *tree, size_t index);
const char *tree_root(const struct tree *tree);
