/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/tree_internal.h"

#include "base/base.h"

const char *const tree_comparisons[5] = {">=", ">", "<=", "<", "=="};

bool tree_compare(double value, const char *comparison, double limit)
{
    bool or_equal = comparison[1] == '=';

    if (comparison[0] == '>')
        return or_equal ? value >= limit : value > limit;
    if (comparison[0] == '<')
        return or_equal ? value <= limit : value < limit;
    return value >= limit && value <= limit;
}

static void steps_free(struct decision_step *steps, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(steps[i].id);
        free(steps[i].question);
        free(steps[i].metric);
        free(steps[i].unit);
        free(steps[i].comparison);
        free(steps[i].reason);
    }
    free(steps);
}

static int step_fill(const struct tree_node *node, double value, bool answer, struct decision_step *step)
{
    step->value = value;
    step->limit = node->limit;
    step->answer = answer;
    step->id = strdup(node->id);
    step->question = strdup(node->question);
    step->metric = strdup(node->metric);
    step->unit = strdup(node->unit);
    step->comparison = strdup(node->comparison);
    step->reason = strdup(node->reason);
    if (step->id && step->question && step->metric && step->unit && step->comparison && step->reason)
        return 0;
    return -ENOMEM;
}

/* The one loop behind both walks. `steps` has room for every node, or is NULL. */
static int walk(const struct tree *tree, tree_metric_fn metric, void *userdata, const char *flip,
                struct decision_step *steps, size_t *n_steps, struct tree_leaf *ret_leaf)
{
    struct tree_target at = tree->root_target;

    while (!at.leaf) {
        const struct tree_node *node = &tree->nodes[at.index];
        double value;
        bool answer;
        int r = metric(node->metric, &value, userdata);

        if (r < 0)
            return r;
        answer = tree_compare(value, node->comparison, node->limit);
        if (flip && strcmp(flip, node->id) == 0)
            answer = !answer;
        if (steps) {
            r = step_fill(node, value, answer, &steps[(*n_steps)++]);
            if (r < 0)
                return r;
        }
        at = answer ? tree->yes[at.index] : tree->no[at.index];
    }
    *ret_leaf = tree->leaves[at.index];
    return 0;
}

int tree_walk(const struct tree *tree, tree_metric_fn metric, void *userdata, struct decision_step **ret_steps,
              size_t *ret_n_steps, struct tree_leaf *ret_leaf)
{
    /* No circles (tree_check), so no path is longer than there are nodes. */
    struct decision_step *steps = calloc(tree->n_nodes + 1, sizeof(*steps));
    struct tree_leaf leaf;
    size_t n = 0;
    int r;

    if (!steps)
        return -ENOMEM;
    r = walk(tree, metric, userdata, NULL, steps, &n, &leaf);
    if (r < 0) {
        steps_free(steps, n);
        return r;
    }
    *ret_steps = steps;
    *ret_n_steps = n;
    *ret_leaf = leaf;
    return 0;
}

int tree_walk_flipped(const struct tree *tree, tree_metric_fn metric, void *userdata, const char *flip,
                      struct tree_leaf *ret_leaf)
{
    struct tree_leaf leaf;
    int r = walk(tree, metric, userdata, flip, NULL, NULL, &leaf);

    if (r == 0)
        *ret_leaf = leaf;
    return r;
}

size_t tree_node_count(const struct tree *tree)
{
    return tree->n_nodes;
}

struct tree_node tree_node_at(const struct tree *tree, size_t index)
{
    return tree->nodes[index];
}

size_t tree_leaf_count(const struct tree *tree)
{
    return tree->n_leaves;
}

struct tree_leaf tree_leaf_at(const struct tree *tree, size_t index)
{
    return tree->leaves[index];
}

const char *tree_root(const struct tree *tree)
{
    return tree->root;
}
