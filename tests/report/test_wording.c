/* SPDX-License-Identifier: BSD-2-Clause */
/* Everything that has an id has words: leaves and metrics of the built-in tree, findings, causes, models. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "analyzer/findings/findings.h"
#include "analyzer/tree.h"
#include "base/base.h"
#include "report/wording.h"

/* Wording needs no escaping: it is printable ASCII, and a sentence where it says so. */
static void assert_prose(const char *id, const char *text, bool sentence)
{
    size_t n = text ? strlen(text) : 0;

    if (n == 0)
        fail_msg("%s: a wording is empty", id);
    for (size_t i = 0; i < n; i++)
        if (text[i] < 0x20 || text[i] > 0x7e)
            fail_msg("%s: not plain ASCII: %s", id, text);
    if (sentence && strchr(".)", text[n - 1]) == NULL)
        fail_msg("%s: not a sentence: %s", id, text);
}

static void every_leaf_has_wording(void **state)
{
    const struct tree *tree = tree_builtin();

    (void)state;
    assert_true(tree_leaf_count(tree) > 10);
    for (size_t i = 0; i < tree_leaf_count(tree); i++) {
        struct tree_leaf leaf = tree_leaf_at(tree, i);
        const struct wording_leaf *wording = wording_leaf(leaf.wording);

        if (!wording)
            fail_msg("leaf %s: no wording for id %s in report/wording_leaves.c", leaf.id, leaf.wording);
        assert_prose(leaf.id, wording->why, true);
        assert_prose(leaf.id, wording->how, true);
        if (leaf.change == CHANGE_FIX)
            assert_prose(leaf.id, wording->fix, false);
    }
}

static void every_metric_of_the_tree_has_wording(void **state)
{
    const struct tree *tree = tree_builtin();

    (void)state;
    assert_true(tree_node_count(tree) > 10);
    for (size_t i = 0; i < tree_node_count(tree); i++) {
        struct tree_node node = tree_node_at(tree, i);

        if (!wording_metric(node.metric))
            fail_msg("node %s: no wording for metric %s in report/wording_metrics.c", node.id, node.metric);
        assert_prose(node.metric, wording_metric(node.metric), false);
    }
}

static void every_finding_has_wording(void **state)
{
    const int *ids = NULL;
    size_t n = finding_ids(&ids);

    (void)state;
    assert_true(n > 10);
    for (size_t i = 0; i < n; i++) {
        const struct wording_finding *wording = wording_finding(ids[i]);

        if (!wording)
            fail_msg("CA%d: no wording in report/wording_findings.c", ids[i]);
        assert_prose(finding_slug(ids[i]), wording->title, false);
        assert_prose(finding_slug(ids[i]), wording->seen, true);
        assert_prose(finding_slug(ids[i]), wording->why, true);
        assert_prose(finding_slug(ids[i]), wording->action, true);
        assert_prose(finding_slug(ids[i]), wording->check, true);
    }
}

static void every_cause_has_a_label_that_fits(void **state)
{
    (void)state;
    for (int cause = 0; cause < CAUSE_COUNT; cause++) {
        for (int runtime = 0; runtime < RUNTIME_COUNT; runtime++) {
            const char *label = wording_cause((enum cause)cause, (enum runtime_kind)runtime);

            assert_prose(cause_to_str((enum cause)cause), label, false);
            assert_in_range(strlen(label), 1, 14);
        }
        assert_prose(cause_to_str((enum cause)cause), wording_cause_meaning((enum cause)cause), false);
    }
    assert_string_equal(wording_cause(CAUSE_INTERPRETER_LOCK, RUNTIME_CPYTHON), "GIL wait");
    assert_string_equal(wording_cause(CAUSE_INTERPRETER_LOCK, RUNTIME_RUBY), "GVL wait");
    assert_string_equal(wording_cause(CAUSE_COUNT, RUNTIME_RUBY), "?");
}

static void every_model_has_names(void **state)
{
    (void)state;
    for (int model = 0; model < MODEL_COUNT; model++) {
        assert_string_not_equal(wording_model((enum model)model), wording_model(MODEL_NONE));
        assert_string_not_equal(wording_model_upper((enum model)model), wording_model_upper(MODEL_NONE));
    }
}

static void unknown_ids_have_none(void **state)
{
    (void)state;
    assert_null(wording_leaf("no such leaf"));
    assert_null(wording_leaf(NULL));
    assert_null(wording_finding(1));
    assert_null(wording_metric("no_such_metric"));
    assert_null(wording_metric(NULL));
}

/* An action that names it has said it. */
static void a_construct_is_said_once(void **state)
{
    char *actions[] = {(char[]){"start fewer"}, (char[]){"use Pool(max_workers=4) here"}};
    struct recommendation r = {.actions = actions, .n_actions = 1};

    (void)state;
    assert_null(wording_construct(&r));
    r.construct = (char[]){"Pool(max_workers=4)"};
    assert_string_equal(wording_construct(&r), r.construct);
    r.n_actions = 2;
    assert_null(wording_construct(&r));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_leaf_has_wording),    cmocka_unit_test(every_metric_of_the_tree_has_wording),
        cmocka_unit_test(every_finding_has_wording), cmocka_unit_test(every_cause_has_a_label_that_fits),
        cmocka_unit_test(every_model_has_names),     cmocka_unit_test(unknown_ids_have_none),
        cmocka_unit_test(a_construct_is_said_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
