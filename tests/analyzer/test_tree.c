/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include "analyzer/lanes.h"
#include "analyzer/metrics.h"
#include "cases.h"

/* The metrics of a case, with one of them overridden. */
struct override {
    struct metrics metrics;
    enum metric metric;
    double value;
};

static int overridden(const char *name, double *ret_value, void *userdata)
{
    const struct override *o = userdata;
    enum metric metric;

    if (metrics_from_str(name, &metric) < 0)
        return -ENOENT;
    *ret_value = metric == o->metric ? o->value : o->metrics.value[metric];
    return 0;
}

/* Walk with that value; @return whether the node was passed, and with which answer */
static bool passes(const struct override *o, const char *node, bool *ret_answer)
{
    struct advice *holder = advice_new();
    struct tree_leaf leaf;
    bool found = false;

    assert_int_equal(tree_walk(tree_builtin(), overridden, (void *)o, &holder->path, &holder->n_path, &leaf), 0);
    for (size_t i = 0; i < holder->n_path; i++) {
        if (strcmp(holder->path[i].id, node) != 0)
            continue;
        *ret_answer = holder->path[i].answer;
        found = true;
    }
    advice_free(holder);
    return found;
}

static bool case_reaches(const struct measurement *m, const char *node, struct metrics *ret_metrics)
{
    struct advice *a = build_advice(m);
    struct lanes *lanes = NULL;
    bool found = false;

    for (size_t i = 0; i < a->n_path; i++)
        found = found || strcmp(a->path[i].id, node) == 0;
    advice_free(a);
    if (!found)
        return false;
    assert_int_equal(lanes_new(m, &lanes), 0);
    assert_int_equal(metrics_compute(m, lanes, 0, ret_metrics), 0);
    lanes_free(lanes);
    return true;
}

static void check_both_sides(const struct tree_node *node, struct override *o)
{
    double step = node->limit * 1e-6;
    bool at = false, below = false, above = false;
    bool or_equal = node->comparison[1] == '=';
    bool upward = node->comparison[0] == '>';

    assert_int_equal(metrics_from_str(node->metric, &o->metric), 0);
    o->value = node->limit - step;
    assert_true(passes(o, node->id, &below));
    o->value = node->limit + step;
    assert_true(passes(o, node->id, &above));
    o->value = node->limit;
    assert_true(passes(o, node->id, &at));
    assert_int_equal(below, !upward);
    assert_int_equal(above, upward);
    assert_int_equal(at, or_equal);
}

static void every_limit_decides_on_both_sides(void **state)
{
    const struct tree *tree = tree_builtin();

    (void)state;
    for (size_t i = 0; i < tree_node_count(tree); i++) {
        struct tree_node node = tree_node_at(tree, i);
        bool reached = false;

        assert_true(strlen(node.reason) > 20);
        for (size_t k = 0; k < n_leaf_cases && !reached; k++) {
            struct measurement *m = leaf_cases[k].make();
            struct override o;

            reached = case_reaches(m, node.id, &o.metrics);
            if (reached)
                check_both_sides(&node, &o);
            measurement_free(m);
        }
        if (!reached)
            fail_msg("no case reaches node %s", node.id);
    }
}

#define NODE(id, yes, no)                                                                                             \
    "{\"id\":\"" id "\",\"question\":\"q\",\"metric\":\"wall_ns\",\"comparison\":\">=\",\"limit\":1,\"unit\":\"ns\"," \
    "\"reason\":\"r\",\"yes\":\"" yes "\",\"no\":\"" no "\"}"
#define LEAF(id) "{\"id\":\"" id "\",\"model\":\"serial\",\"change\":\"keep\",\"wording\":\"w\"}"
#define TREE(nodes, leaves) "{\"root\":\"a\",\n\"nodes\":[\n" nodes "],\n\"leaves\":[\n" leaves "]}\n"

static char *write_tree(const char *text)
{
    char *path = strdup("/tmp/concadvise-tree-XXXXXX");
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    (void)close(fd);
    return path;
}

static int load(const char *text, struct tree **ret_tree, char *message, size_t size)
{
    char *path = write_tree(text);
    int r = tree_load(path, ret_tree, message, size);

    /* Messages start with the file's name; the tests look at what follows. */
    if (r < 0) {
        assert_int_equal(strncmp(message, path, strlen(path)), 0);
        memmove(message, message + strlen(path), strlen(message + strlen(path)) + 1);
    }
    (void)unlink(path);
    free(path);
    return r;
}

static void errors_name_line_and_reason(void **state)
{
    static const struct {
        const char *text;
        const char *message;
    } broken[] = {
        {"{\n\"root\": }", ":2: unexpected token near '}'"},
        {"[]", ":1: a tree must be an object"},
        {TREE(NODE("a", "x", "y"), LEAF("x")), ":3: node \"a\": no leads to \"y\", which is not defined"},
        {TREE(NODE("a", "b", "x") ",\n" NODE("b", "a", "x"), LEAF("x")),
         ":4: node \"b\" leads back to \"a\": a circle"},
        {TREE(NODE("a", "x", "x") ",\n" NODE("b", "x", "x"), LEAF("x")),
         ":4: node \"b\" can't be reached from the root"},
        {TREE(NODE("a", "x", "x"), LEAF("x") ",\n" LEAF("y")), ":6: leaf \"y\" can't be reached from the root"},
        {TREE(NODE("a", "x", "x"), LEAF("x") ",\n" LEAF("x")), ":5: \"x\" is defined twice"},
        {TREE(NODE("b", "x", "x"), LEAF("x")), ":1: root \"a\" is not defined"},
        {TREE("{\"id\":\"a\",\"question\":\"q\"}", LEAF("x")), ":3: \"a\": has no \"metric\""},
        {TREE("{\"id\":7}", LEAF("x")), ":1: \"?\": expected a string in \"id\""},
        {TREE(NODE("a", "x", "x"), "\n{\"id\":\"x\",\"model\":\"fibres\",\"change\":\"keep\",\"wording\":\"w\"}"),
         ":6: leaf \"x\": \"model\" must be a model, \"current\" or \"none\""},
        {TREE(NODE("a", "x", "x"), "{\"id\":\"x\",\"model\":\"serial\",\"change\":\"pray\",\"wording\":\"w\"}"),
         ":5: leaf \"x\": \"change\" must be keep, fix or switch"},
        {TREE(NODE("a", "x", "x"), "{\"id\":\"x\",\"model\":\"serial\",\"change\":\"keep\",\"wording\":\"w\",\"x\":1}"),
         ":5: \"x\": unknown member \"x\""},
        {"{\"root\":\"a\",\"nodes\":{},\"leaves\":[]}", ":1: \"nodes\" and \"leaves\" must be lists"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(broken); i++) {
        struct tree *tree = NULL;
        char message[512] = "";

        assert_int_equal(load(broken[i].text, &tree, message, sizeof(message)), -EBADMSG);
        assert_null(tree);
        assert_string_equal(message, broken[i].message);
    }
}

static void replace(char *text, const char *from, const char *to)
{
    char *at = strstr(text, from);

    assert_non_null(at);
    assert_int_equal(strlen(from), strlen(to));
    memcpy(at, to, strlen(to));
}

static void metrics_units_and_comparisons_are_checked(void **state)
{
    static const struct {
        const char *from;
        const char *to;
        const char *message;
    } edits[] = {
        {"wall_ns", "wall_nz", ":3: node \"a\": unknown metric \"wall_nz\""},
        {"\"ns\"", "\"us\"", ":3: node \"a\": metric \"wall_ns\" is in ns, not in \"us\""},
        {">=", "=>", ":3: node \"a\": unknown comparison \"=>\" (use >=, >, <=, < or ==)"},
        {"\"limit\"", "\"limes\"", ":3: \"a\": unknown member \"limes\""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(edits); i++) {
        char text[] = TREE(NODE("a", "x", "x"), LEAF("x"));
        struct tree *tree = NULL;
        char message[512] = "";

        replace(text, edits[i].from, edits[i].to);
        assert_int_equal(load(text, &tree, message, sizeof(message)), -EBADMSG);
        assert_string_equal(message, edits[i].message);
    }
}

static void a_file_that_cant_be_read_is_named(void **state)
{
    struct tree *tree = NULL;
    char message[512];

    (void)state;
    assert_int_equal(tree_load("/no/such/tree.json", &tree, message, sizeof(message)), -ENOENT);
    assert_string_equal(message, "/no/such/tree.json: No such file or directory");
    assert_int_equal(tree_load("/dev/zero", &tree, message, sizeof(message)), -EFBIG);
}

static int constant(const char *name, double *ret_value, void *userdata)
{
    (void)name;
    *ret_value = *(double *)userdata;
    return 0;
}

static void a_tree_from_a_file_is_walked(void **state)
{
    static const char text[] = TREE(NODE("a", "b", "x") ",\n" NODE("b", "x", "y"), LEAF("x") "," LEAF("y"));
    struct tree *tree = NULL;
    struct tree_leaf leaf;
    char message[512];
    double value = 0.0;

    (void)state;
    assert_int_equal(load(text, &tree, message, sizeof(message)), 0);
    assert_string_equal(tree_root(tree), "a");
    assert_int_equal(tree_node_count(tree), 2);
    assert_int_equal(tree_leaf_count(tree), 2);
    assert_int_equal(tree_walk_flipped(tree, constant, &value, "a", &leaf), 0);
    assert_string_equal(leaf.id, "y");
    assert_int_equal(tree_walk_flipped(tree, constant, &value, "b", &leaf), 0);
    assert_string_equal(leaf.id, "x");
    assert_false(leaf.firm);
    assert_int_equal(leaf.model, MODEL_SERIAL);
    tree_free(tree);
    tree_free(NULL);
}

static void the_file_and_the_built_in_tree_agree(void **state)
{
    const struct tree *builtin = tree_builtin();
    struct tree *tree = NULL;
    char message[512];

    (void)state;
    assert_non_null(getenv("TREE_JSON"));
    assert_int_equal(tree_load(getenv("TREE_JSON"), &tree, message, sizeof(message)), 0);
    assert_int_equal(tree_node_count(tree), tree_node_count(builtin));
    for (size_t i = 0; i < tree_node_count(tree); i++)
        assert_string_equal(tree_node_at(tree, i).id, tree_node_at(builtin, i).id);
    tree_free(tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_limit_decides_on_both_sides),
        cmocka_unit_test(errors_name_line_and_reason),
        cmocka_unit_test(metrics_units_and_comparisons_are_checked),
        cmocka_unit_test(a_file_that_cant_be_read_is_named),
        cmocka_unit_test(a_tree_from_a_file_is_walked),
        cmocka_unit_test(the_file_and_the_built_in_tree_agree),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
