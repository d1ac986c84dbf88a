/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cases.h"

static bool mentions(const struct advice *a, const char *text)
{
    for (size_t i = 0; i < a->recommendation.n_flips_if; i++)
        if (strstr(a->recommendation.flips_if[i], text))
            return true;
    return false;
}

static void a_flip_names_number_limit_and_outcome(void **state)
{
    struct measurement *m = case_serial_waits(RUNTIME_CPYTHON, 20, 50 * MS, MS);
    struct advice *a = build_advice(m);

    (void)state;
    assert_string_equal(a->recommendation.why_id, "waits_pool");
    assert_true(mentions(a, "the number of outside waits rises to 32 (now 19) -> switch coroutines"));
    assert_true(mentions(a, "the number of outside waits falls below 10 (now 19) -> keep serial"));
    advice_free(a);
    measurement_free(m);
}

static void processes_under_a_lock_flip_with_a_free_threaded_interpreter(void **state)
{
    struct measurement *gil = case_gil_threads(4, 500 * MS, 1500 * MS);
    struct measurement *native = case_serial_cpu(RUNTIME_NATIVE, 2000 * MS);
    struct advice *a = build_advice(gil), *b = build_advice(native);

    (void)state;
    assert_true(mentions(a, "free-threaded"));
    assert_false(mentions(b, "free-threaded"));
    advice_free(a);
    advice_free(b);
    measurement_free(gil);
    measurement_free(native);
}

static void no_flip_repeats_the_advice_or_asks_for_bad_data(void **state)
{
    (void)state;
    for (size_t i = 0; i < n_leaf_cases; i++) {
        struct measurement *m = leaf_cases[i].make();
        struct advice *a = build_advice(m);

        assert_false(mentions(a, "unexplained"));
        assert_false(mentions(a, "the run time"));
        assert_true(a->recommendation.n_flips_if <= 5);
        if (a->recommendation.model == MODEL_NONE)
            assert_int_equal(a->recommendation.n_flips_if, 0);
        advice_free(a);
        measurement_free(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flip_names_number_limit_and_outcome),
        cmocka_unit_test(processes_under_a_lock_flip_with_a_free_threaded_interpreter),
        cmocka_unit_test(no_flip_repeats_the_advice_or_asks_for_bad_data),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
