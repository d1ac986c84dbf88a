/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads a tree from JSON, or the one compiled in. tree_check.c checks the graph, tree_walk.c walks it. */
#include "analyzer/tree.h"

#include <jansson.h>

#include "analyzer/metrics.h"
#include "analyzer/tree_internal.h"
#include "base/base.h"
#include "tree_builtin.h"

/* A decision tree is a page or two; more is a mistake (or /dev/zero). */
#define TREE_MAX_BYTES TABLE_SIZE(1U << 20, 1U << 16)

/* A string member of a node or leaf. `id` names the object in messages. */
static int get_string(const json_t *object, const char *key, const char *id, const char **ret_text,
                      struct tree_problem *ret_problem)
{
    const json_t *value = json_object_get(object, key);
    char *copy;

    if (!json_is_string(value))
        return tree_problem_set(ret_problem, id, "\"%.60s\": %s \"%s\"", id ? id : "?",
                                value ? "expected a string in" : "has no", key);
    copy = strdup(json_string_value(value));
    if (!copy)
        return -ENOMEM;
    *ret_text = copy;
    return 0;
}

static int check_keys(const json_t *object, const char *const *known, const char *id, struct tree_problem *ret_problem)
{
    const char *key;
    json_t *value;

    json_object_foreach ((json_t *)object, key, value) {
        size_t i = 0;

        while (known[i] && strcmp(known[i], key) != 0)
            i++;
        if (!known[i])
            return tree_problem_set(ret_problem, id, "\"%.60s\": unknown member \"%.60s\"", id ? id : "tree", key);
    }
    return 0;
}

static int check_comparison(const struct tree_node *node, struct tree_problem *ret_problem)
{
    for (size_t i = 0; i < ARRAY_SIZE(tree_comparisons); i++)
        if (strcmp(node->comparison, tree_comparisons[i]) == 0)
            return 0;
    return tree_problem_set(ret_problem, node->id,
                            "node \"%.60s\": unknown comparison \"%.20s\" (use >=, >, <=, < or ==)", node->id,
                            node->comparison);
}

static int check_metric(const struct tree_node *node, struct tree_problem *ret_problem)
{
    enum metric metric;

    if (metrics_from_str(node->metric, &metric) < 0)
        return tree_problem_set(ret_problem, node->id, "node \"%.60s\": unknown metric \"%.60s\"", node->id,
                                node->metric);
    if (strcmp(node->unit, metrics_unit(metric)) != 0)
        return tree_problem_set(ret_problem, node->id, "node \"%.60s\": metric \"%.60s\" is in %s, not in \"%.20s\"",
                                node->id, node->metric, metrics_unit(metric), node->unit);
    return 0;
}

static int read_node(const json_t *object, struct tree_node *node, struct tree_problem *ret_problem)
{
    static const char *const known[] = {"id",   "question", "metric", "comparison", "limit",
                                        "unit", "reason",   "yes",    "no",         NULL};
    const struct {
        const char *key;
        const char **text;
    } strings[] = {
        {"id", &node->id},         {"question", &node->question},
        {"metric", &node->metric}, {"comparison", &node->comparison},
        {"unit", &node->unit},     {"reason", &node->reason},
        {"yes", &node->yes},       {"no", &node->no},
    };
    const json_t *limit = json_object_get(object, "limit");
    int r = 0;

    if (!json_is_object(object))
        return tree_problem_set(ret_problem, NULL, "a node must be an object");
    for (size_t i = 0; i < ARRAY_SIZE(strings) && r == 0; i++)
        r = get_string(object, strings[i].key, node->id, strings[i].text, ret_problem);
    if (r < 0)
        return r;
    r = check_keys(object, known, node->id, ret_problem);
    if (r < 0)
        return r;
    if (!json_is_number(limit))
        return tree_problem_set(ret_problem, node->id, "node \"%.60s\": %s \"limit\"", node->id,
                                limit ? "expected a number in" : "has no");
    node->limit = json_number_value(limit);
    r = check_comparison(node, ret_problem);
    return r < 0 ? r : check_metric(node, ret_problem);
}

static int read_change(const char *text, enum change *ret)
{
    for (int i = CHANGE_KEEP; i <= CHANGE_SWITCH; i++) {
        if (strcmp(text, change_to_str((enum change)i)) == 0) {
            *ret = (enum change)i;
            return 0;
        }
    }
    return -EINVAL;
}

static int read_model(const char *text, struct tree_leaf *leaf)
{
    leaf->model = MODEL_NONE;
    leaf->model_current = strcmp(text, "current") == 0;
    if (leaf->model_current || strcmp(text, "none") == 0)
        return 0;
    return model_from_str(text, &leaf->model);
}

static int read_leaf(const json_t *object, struct tree_leaf *leaf, struct tree_problem *ret_problem)
{
    static const char *const known[] = {"id", "model", "change", "wording", "firm", NULL};
    const char *model = json_string_value(json_object_get(object, "model"));
    const char *change = json_string_value(json_object_get(object, "change"));
    const json_t *firm = json_object_get(object, "firm");
    int r;

    if (!json_is_object(object))
        return tree_problem_set(ret_problem, NULL, "a leaf must be an object");
    r = get_string(object, "id", NULL, &leaf->id, ret_problem);
    if (r == 0)
        r = get_string(object, "wording", leaf->id, &leaf->wording, ret_problem);
    if (r == 0)
        r = check_keys(object, known, leaf->id, ret_problem);
    if (r < 0)
        return r;
    if (!model || read_model(model, leaf) < 0)
        return tree_problem_set(ret_problem, leaf->id,
                                "leaf \"%.60s\": \"model\" must be a model, \"current\" or \"none\"", leaf->id);
    if (!change || read_change(change, &leaf->change) < 0)
        return tree_problem_set(ret_problem, leaf->id, "leaf \"%.60s\": \"change\" must be keep, fix or switch",
                                leaf->id);
    if (firm && !json_is_boolean(firm))
        return tree_problem_set(ret_problem, leaf->id, "leaf \"%.60s\": \"firm\" must be true or false", leaf->id);
    leaf->firm = json_is_true(firm);
    return 0;
}

static int read_lists(const json_t *nodes, const json_t *leaves, struct tree *tree, struct tree_problem *ret_problem)
{
    int r;

    tree->nodes = calloc(json_array_size(nodes) + 1, sizeof(*tree->nodes));
    tree->yes = calloc(json_array_size(nodes) + 1, sizeof(*tree->yes));
    tree->no = calloc(json_array_size(nodes) + 1, sizeof(*tree->no));
    tree->leaves = calloc(json_array_size(leaves) + 1, sizeof(*tree->leaves));
    if (!tree->nodes || !tree->yes || !tree->no || !tree->leaves)
        return -ENOMEM;
    for (size_t i = 0; i < json_array_size(nodes); i++) {
        r = read_node(json_array_get(nodes, i), &tree->nodes[tree->n_nodes++], ret_problem);
        if (r < 0)
            return r;
    }
    for (size_t i = 0; i < json_array_size(leaves); i++) {
        r = read_leaf(json_array_get(leaves, i), &tree->leaves[tree->n_leaves++], ret_problem);
        if (r < 0)
            return r;
    }
    return 0;
}

static int read_tree(const json_t *json, struct tree *tree, struct tree_problem *ret_problem)
{
    static const char *const known[] = {"comment", "root", "nodes", "leaves", NULL};
    const json_t *nodes = json_object_get(json, "nodes"), *leaves = json_object_get(json, "leaves");
    const char *root = json_string_value(json_object_get(json, "root"));
    int r;

    if (!json_is_object(json))
        return tree_problem_set(ret_problem, NULL, "a tree must be an object");
    r = check_keys(json, known, NULL, ret_problem);
    if (r < 0)
        return r;
    if (!root)
        return tree_problem_set(ret_problem, NULL, "the tree has no \"root\" (an id)");
    if (!json_is_array(nodes) || !json_is_array(leaves))
        return tree_problem_set(ret_problem, NULL, "\"nodes\" and \"leaves\" must be lists");
    tree->root = strdup(root);
    if (!tree->root)
        return -ENOMEM;
    r = read_lists(nodes, leaves, tree, ret_problem);
    return r < 0 ? r : tree_check(tree, ret_problem);
}

/* The line that defines an id: jansson keeps no lines, so look for "id" : "<id>" in the text. 1 when not found. */
static int line_of(const char *text, const char *id)
{
    int line = 1;
    size_t n = strlen(id);

    for (const char *at = text; n > 0 && *at; at++) {
        const char *value = at;

        line += *at == '\n';
        if (strncmp(at, "\"id\"", 4) != 0)
            continue;
        value += 4 + strspn(at + 4, " \t\r\n:");
        if (*value == '"' && strncmp(value + 1, id, n) == 0 && value[1 + n] == '"') {
            for (; at < value; at++)
                line += at[1] == '\n';
            return line;
        }
    }
    return 1;
}

static int parse(const char *name, const char *text, size_t length, struct tree **ret_tree, char *message, size_t size)
{
    struct tree_problem wrong = {0};
    json_error_t error;
    json_t *json = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);
    struct tree *tree;
    int r;

    if (!json) {
        (void)snprintf(message, size, "%s:%d: %s", name, error.line > 0 ? error.line : 1, error.text);
        return -EBADMSG;
    }
    tree = calloc(1, sizeof(*tree));
    r = tree ? read_tree(json, tree, &wrong) : -ENOMEM;
    json_decref(json);
    if (r < 0) {
        (void)snprintf(message, size, "%s:%d: %s", name, line_of(text, wrong.id),
                       r == -ENOMEM ? "out of memory" : wrong.reason);
        tree_free(tree);
        return r;
    }
    *ret_tree = tree;
    return 0;
}

/* Whole file as a NUL-terminated string. */
static int read_file(const char *path, char **ret_text, size_t *ret_length)
{
    AUTO_FCLOSE FILE *file = fopen(path, "re");
    AUTO_FREE char *text = NULL;
    size_t n;

    if (!file)
        return -errno;
    text = malloc(TREE_MAX_BYTES + 1);
    if (!text)
        return -ENOMEM;
    errno = 0;
    n = fread(text, 1, TREE_MAX_BYTES + 1, file);
    if (ferror(file))
        return errno ? -errno : -EIO;
    if (n > TREE_MAX_BYTES)
        return -EFBIG;
    text[n] = '\0';
    *ret_text = TAKE_PTR(text);
    *ret_length = n;
    return 0;
}

int tree_load(const char *path, struct tree **ret_tree, char *message, size_t size)
{
    AUTO_FREE char *text = NULL;
    size_t length = 0;
    int r = read_file(path, &text, &length);

    if (r < 0) {
        (void)snprintf(message, size, "%s: %s", path, strerror(-r));
        return r;
    }
    return parse(path, text, length, ret_tree, message, size);
}

const struct tree *tree_builtin(void)
{
    static struct tree *builtin;

    if (!builtin) {
        char message[512];

        /* It is compiled in and tested: only memory can fail, and then nothing else would work either. */
        if (parse("tree.json", tree_builtin_json, sizeof(tree_builtin_json) - 1, &builtin, message, sizeof(message)) <
            0)
            abort();
    }
    return builtin;
}

void tree_free(struct tree *tree)
{
    if (!tree)
        return;
    for (size_t i = 0; i < tree->n_nodes; i++) {
        struct tree_node *node = &tree->nodes[i];
        const char *const strings[] = {node->id,   node->question, node->metric, node->comparison,
                                       node->unit, node->reason,   node->yes,    node->no};

        for (size_t k = 0; k < ARRAY_SIZE(strings); k++)
            free((char *)strings[k]);
    }
    for (size_t i = 0; i < tree->n_leaves; i++) {
        free((char *)tree->leaves[i].id);
        free((char *)tree->leaves[i].wording);
    }
    free(tree->nodes);
    free(tree->yes);
    free(tree->no);
    free(tree->leaves);
    free(tree->root);
    free(tree);
}
