/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/tree_internal.h"

#include <stdarg.h>

#include "base/base.h"

int tree_problem_set(struct tree_problem *ret, const char *id, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(ret->reason, sizeof(ret->reason), format, args);
    va_end(args);
    (void)snprintf(ret->id, sizeof(ret->id), "%s", id ? id : "");
    return -EBADMSG;
}

/* An id and what it names, sorted by id for look-ups. */
struct entry {
    const char *id;
    struct tree_target target;
};

static int compare_entry(const void *a, const void *b)
{
    return strcmp(((const struct entry *)a)->id, ((const struct entry *)b)->id);
}

static const struct tree_target *find(const struct entry *entries, size_t n, const char *id)
{
    struct entry key = {.id = id};
    const struct entry *found = bsearch(&key, entries, n, sizeof(*entries), compare_entry);

    return found ? &found->target : NULL;
}

static int resolve(struct tree *tree, const struct entry *entries, size_t n, struct tree_problem *ret_problem)
{
    const struct tree_target *root = find(entries, n, tree->root);

    for (size_t i = 1; i < n; i++)
        if (strcmp(entries[i].id, entries[i - 1].id) == 0)
            return tree_problem_set(ret_problem, entries[i].id, "\"%.60s\" is defined twice", entries[i].id);
    if (!root)
        return tree_problem_set(ret_problem, NULL, "root \"%.60s\" is not defined", tree->root);
    tree->root_target = *root;
    for (size_t i = 0; i < tree->n_nodes; i++) {
        const struct tree_node *node = &tree->nodes[i];
        const struct tree_target *yes = find(entries, n, node->yes), *no = find(entries, n, node->no);

        if (!yes || !no)
            return tree_problem_set(ret_problem, node->id,
                                    "node \"%.60s\": %s leads to \"%.60s\", which is not defined", node->id,
                                    yes ? "no" : "yes", yes ? node->no : node->yes);
        tree->yes[i] = *yes;
        tree->no[i] = *no;
    }
    return 0;
}

enum colour { UNSEEN, OPEN, DONE };

/* Depth first without recursion: an untrusted file must not exhaust the stack. */
static int visit(struct tree *tree, enum colour *nodes, bool *leaves, size_t *stack, struct tree_problem *ret_problem)
{
    size_t depth = 0;

    if (tree->root_target.leaf) {
        leaves[tree->root_target.index] = true;
        return 0;
    }
    stack[depth++] = tree->root_target.index;
    while (depth > 0) {
        size_t at = stack[depth - 1];
        const struct tree_target branches[2] = {tree->yes[at], tree->no[at]};
        bool descended = false;

        nodes[at] = OPEN;
        for (size_t i = 0; i < 2 && !descended; i++) {
            size_t next = branches[i].index;

            if (branches[i].leaf) {
                leaves[next] = true;
            } else if (nodes[next] == OPEN) {
                return tree_problem_set(ret_problem, tree->nodes[at].id,
                                        "node \"%.60s\" leads back to \"%.60s\": a circle", tree->nodes[at].id,
                                        tree->nodes[next].id);
            } else if (nodes[next] == UNSEEN) {
                stack[depth++] = next;
                descended = true;
            }
        }
        if (!descended) {
            nodes[at] = DONE;
            depth--;
        }
    }
    return 0;
}

static int check_reachable(struct tree *tree, struct tree_problem *ret_problem)
{
    AUTO_FREE enum colour *nodes = calloc(tree->n_nodes + 1, sizeof(*nodes));
    AUTO_FREE bool *leaves = calloc(tree->n_leaves + 1, sizeof(*leaves));
    AUTO_FREE size_t *stack = calloc(tree->n_nodes + 1, sizeof(*stack));
    int r;

    if (!nodes || !leaves || !stack)
        return -ENOMEM;
    r = visit(tree, nodes, leaves, stack, ret_problem);
    if (r < 0)
        return r;
    for (size_t i = 0; i < tree->n_nodes; i++)
        if (nodes[i] == UNSEEN)
            return tree_problem_set(ret_problem, tree->nodes[i].id, "node \"%.60s\" can't be reached from the root",
                                    tree->nodes[i].id);
    for (size_t i = 0; i < tree->n_leaves; i++)
        if (!leaves[i])
            return tree_problem_set(ret_problem, tree->leaves[i].id, "leaf \"%.60s\" can't be reached from the root",
                                    tree->leaves[i].id);
    return 0;
}

int tree_check(struct tree *tree, struct tree_problem *ret_problem)
{
    size_t n = tree->n_nodes + tree->n_leaves;
    AUTO_FREE struct entry *entries = calloc(n + 1, sizeof(*entries));
    int r;

    if (!entries)
        return -ENOMEM;
    for (size_t i = 0; i < tree->n_nodes; i++)
        entries[i] = (struct entry){tree->nodes[i].id, {false, i}};
    for (size_t i = 0; i < tree->n_leaves; i++)
        entries[tree->n_nodes + i] = (struct entry){tree->leaves[i].id, {true, i}};
    qsort(entries, n, sizeof(*entries), compare_entry);
    r = resolve(tree, entries, n, ret_problem);
    return r < 0 ? r : check_reachable(tree, ret_problem);
}
