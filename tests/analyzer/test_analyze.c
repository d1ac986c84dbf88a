/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <time.h>

#include "cases.h"

static void every_leaf_has_a_program_that_ends_there(void **state)
{
    const struct tree *tree = tree_builtin();
    size_t wrong = 0;

    (void)state;
    for (size_t i = 0; i < n_leaf_cases; i++) {
        const struct leaf_case *c = &leaf_cases[i];
        struct measurement *m = c->make();
        struct advice *a = build_advice(m);
        const struct recommendation *r = &a->recommendation;

        if (strcmp(r->why_id, c->leaf) != 0 || r->model != c->model || r->change != c->change ||
            a->current_model != c->current) {
            print_message("%s: got %s, now %s, %s %s; expected now %s, %s %s\n", c->leaf, r->why_id,
                          model_to_str(a->current_model), change_to_str(r->change), model_to_str(r->model),
                          model_to_str(c->current), change_to_str(c->change), model_to_str(c->model));
            for (size_t k = 0; k < a->n_path; k++)
                print_message("    %s: %s = %g %s %g: %s\n", a->path[k].id, a->path[k].metric, a->path[k].value,
                              a->path[k].comparison, a->path[k].limit, a->path[k].answer ? "yes" : "no");
            for (int k = 0; k < MODEL_COUNT; k++)
                print_message("    %s x%u %g\n", model_to_str((enum model)k), a->evidence.models[k].workers,
                              a->evidence.models[k].speedup);
            wrong++;
        }
        advice_free(a);
        measurement_free(m);
    }
    assert_int_equal(wrong, 0);
    for (size_t i = 0; i < tree_leaf_count(tree); i++) {
        size_t found = 0;

        for (size_t k = 0; k < n_leaf_cases; k++)
            found += strcmp(leaf_cases[k].leaf, tree_leaf_at(tree, i).wording) == 0;
        if (!found)
            fail_msg("no case for leaf %s", tree_leaf_at(tree, i).id);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_leaf_has_a_program_that_ends_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
