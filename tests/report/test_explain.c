/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "analyzer/findings/findings.h"
#include "analyzer/tree.h"
#include "base/base.h"
#include "report/report.h"

static size_t widest_line(const char *text)
{
    size_t widest = 0;

    for (; *text; text += strcspn(text, "\n"), text += *text == '\n')
        if (strcspn(text, "\n") > widest)
            widest = strcspn(text, "\n");
    return widest;
}

static void every_finding_can_be_explained(void **state)
{
    const int *ids = NULL;
    size_t n = finding_ids(&ids);

    (void)state;
    for (size_t i = 0; i < n; i++) {
        AUTO_FREE char *text = NULL;
        size_t size = 0;
        FILE *out = open_memstream(&text, &size);

        assert_int_equal(report_explain_finding(out, ids[i], 60), 0);
        (void)fclose(out);
        assert_non_null(strstr(text, finding_slug(ids[i])));
        assert_non_null(strstr(text, "\nSEEN"));
        assert_non_null(strstr(text, "\nWHY"));
        assert_non_null(strstr(text, "\nDO"));
        assert_non_null(strstr(text, "\nCHECK"));
        assert_in_range(widest_line(text), 1, 60);
    }
}

static char *explain(int id, unsigned width)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    assert_int_equal(report_explain_finding(out, id, width), 0);
    (void)fclose(out);
    return text;
}

static void python_is_shown_where_ten_lines_of_it_help(void **state)
{
    AUTO_FREE char *convoy = explain(2001, 80), *peer = explain(3201, 80), *narrow = explain(2001, 40);

    (void)state;
    assert_non_null(strstr(convoy, "\nPYTHON  a pool of processes\n    # before\n"));
    assert_non_null(strstr(convoy, "\n    # after\n    from concurrent.futures import ProcessPoolExecutor\n\n"));
    assert_non_null(strstr(convoy, "results = list(pool.map(work, items, chunksize=chunk))\n"));
    assert_null(strstr(peer, "PYTHON"));
    assert_in_range(widest_line(narrow), 1, 40);
}

static void all_findings_are_listed(void **state)
{
    AUTO_FREE char *text = NULL;
    const int *ids = NULL;
    size_t n = finding_ids(&ids), size = 0;
    FILE *out = open_memstream(&text, &size);

    (void)state;
    assert_int_equal(report_explain_list(out, 60), 0);
    (void)fclose(out);
    for (size_t i = 0; i < n; i++)
        assert_non_null(strstr(text, finding_slug(ids[i])));
    assert_in_range(widest_line(text), 1, 60);
}

static void unknown_findings_are_not_explained(void **state)
{
    (void)state;
    assert_int_equal(report_explain_finding(stdout, 1, 80), -ENOENT);
    assert_int_equal(report_explain_finding(stdout, -1, 80), -ENOENT);
}

static size_t count(const char *text, const char *needle)
{
    size_t n = 0;

    for (const char *at = strstr(text, needle); at; at = strstr(at + 1, needle))
        n++;
    return n;
}

static void the_tree_is_drawn_whole_and_once(void **state)
{
    static const unsigned widths[] = {60, 80, 120, 200};
    const struct tree *tree = tree_builtin();

    (void)state;
    for (size_t w = 0; w < ARRAY_SIZE(widths); w++) {
        AUTO_FREE char *text = NULL;
        size_t size = 0;
        size_t references = 0;
        FILE *out = open_memstream(&text, &size);

        assert_int_equal(report_explain_tree(out, tree, widths[w]), 0);
        (void)fclose(out);
        assert_in_range(widest_line(text), 30, widths[w]);
        for (size_t i = 0; i < tree_leaf_count(tree); i++) {
            char id[128];

            (void)snprintf(id, sizeof(id), "[%s]", tree_leaf_at(tree, i).id);
            assert_true(count(text, id) >= 1);
        }
        for (size_t i = 0; i < tree_node_count(tree); i++) {
            struct tree_node node = tree_node_at(tree, i);
            char id[128];

            (void)snprintf(id, sizeof(id), "[%s]", node.id);
            references += count(text, id);
            assert_true(count(text, id) >= 1);
        }
        /* every mention of a node but one is a reference */
        if (widths[w] == 200)
            assert_int_equal(references,
                             tree_node_count(tree) + count(text, "(see above)") + count(text, "(see below)"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_finding_can_be_explained),
        cmocka_unit_test(python_is_shown_where_ten_lines_of_it_help),
        cmocka_unit_test(all_findings_are_listed),
        cmocka_unit_test(unknown_findings_are_not_explained),
        cmocka_unit_test(the_tree_is_drawn_whole_and_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
