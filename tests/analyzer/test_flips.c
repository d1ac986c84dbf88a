/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <time.h>

#include "cases.h"

static bool mentions(const struct advice *a, const char *text)
{
    for (size_t i = 0; i < a->recommendation.n_flips_if; i++)
        if (strstr(a->recommendation.flips_if[i], text))
            return true;
    return false;
}

static double cpu_now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static const char *flip_that_mentions(const struct advice *a, const char *text)
{
    for (size_t i = 0; i < a->recommendation.n_flips_if; i++)
        if (strstr(a->recommendation.flips_if[i], text))
            return a->recommendation.flips_if[i];
    return NULL;
}

/* The tree, not the forecast, says that a pool of threads will do: its limits are what would have to be crossed. */
static void where_a_limit_decided_the_flip_names_it(void **state)
{
    struct measurement *m = case_serial_waits(RUNTIME_CPYTHON, 24, 20 * MS, 5 * MS);
    struct advice *a = build_advice(m);

    (void)state;
    assert_string_equal(a->recommendation.why_id, "waits_pool");
    assert_true(a->evidence.models[MODEL_PROCESSES_COROUTINES].speedup > 1.1 * a->recommendation.expected_speedup);
    assert_true(mentions(a, "the number of outside waits rises to 32 (now 23) -> switch coroutines"));
    advice_free(a);
    measurement_free(m);
}

static void a_flip_names_the_change_and_what_is_ahead_then(void **state)
{
    struct measurement *m = case_serial_cpu(RUNTIME_NATIVE, 2000 * MS);
    struct advice *a = build_advice(m);

    (void)state;
    assert_int_equal(a->recommendation.model, MODEL_THREADS);
    assert_true(mentions(a, "there is 1 CPU (now 4) -> serial"));
    assert_false(mentions(a, "interpreter"));
    advice_free(a);
    measurement_free(m);
}

static void processes_under_a_lock_flip_without_it(void **state)
{
    struct measurement *gil = case_gil_threads(4, 500 * MS, 1500 * MS);
    struct measurement *native = case_serial_cpu(RUNTIME_NATIVE, 2000 * MS);
    struct advice *a = build_advice(gil), *b = build_advice(native);

    (void)state;
    assert_int_equal(a->recommendation.model, MODEL_PROCESSES);
    assert_true(mentions(a, "the interpreter is without its lock (python3.13t) -> threads"));
    assert_false(mentions(b, "lock"));
    advice_free(a);
    advice_free(b);
    measurement_free(gil);
    measurement_free(native);
}

/* A run too short to change becomes worth it when there is so much more to do, whatever it begins with. */
static void the_factor_that_is_named_is_where_it_flips(void **state)
{
    static const double cpu_ms[] = {120, 200};
    double total_ms[2] = {0};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct measurement *m = case_serial_cpu(RUNTIME_NATIVE, (uint64_t)cpu_ms[i] * MS);
        struct advice *a = build_advice(m);
        const char *flip = flip_that_mentions(a, "as much to compute");
        double factor = 0.0;

        assert_int_equal(a->recommendation.change, CHANGE_KEEP);
        assert_non_null(flip);
        assert_int_equal(sscanf(flip, "there is %lf times as much to compute", &factor), 1);
        assert_non_null(strstr(flip, "-> threads"));
        total_ms[i] = factor * cpu_ms[i];
        advice_free(a);
        measurement_free(m);
    }
    assert_true(total_ms[0] > 0.8 * total_ms[1] && total_ms[0] < 1.25 * total_ms[1]);
    /* Four CPUs save three quarters; half a second is worth it (calibrated.h). */
    assert_true(total_ms[1] > 500 && total_ms[1] < 1000);
}

/* Who stays needs more than a tie to leave: one CPU makes serial code as fast as the threads that are there. */
static void a_tie_moves_nobody_who_would_have_to_change(void **state)
{
    struct measurement *m = case_busy_threads(RUNTIME_NATIVE, 4, 4, 2000 * MS, 0);
    struct advice *a = build_advice(m);

    (void)state;
    assert_int_equal(a->recommendation.change, CHANGE_KEEP);
    assert_int_equal(a->recommendation.n_flips_if, 0);
    advice_free(a);
    measurement_free(m);
}

static void the_same_run_flips_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < n_leaf_cases; i++) {
        struct measurement *m = leaf_cases[i].make();
        struct advice *a = build_advice(m), *again = build_advice(m);

        assert_int_equal(a->recommendation.n_flips_if, again->recommendation.n_flips_if);
        for (size_t k = 0; k < a->recommendation.n_flips_if; k++)
            assert_string_equal(a->recommendation.flips_if[k], again->recommendation.flips_if[k]);
        advice_free(a);
        advice_free(again);
        measurement_free(m);
    }
}

/* The bar is 50 ms; the limit here is to catch what grows with the run. Sanitizers take their time. */
static void a_long_run_is_asked_no_longer(void **state)
{
    /* Many items, and few items of many steps. */
    struct measurement *runs[] = {case_serial_waits(RUNTIME_CPYTHON, 50000, 20 * MS, 40 * MS),
                                  build_new(RUNTIME_CPYTHON, 4)};

    (void)state;
    build_repeat(runs[1], build_lane(runs[1], 100, 100, 0), 1, 2 * MS, 0, CAUSE_OTHER, 0);
    for (int i = 0; i < 4; i++)
        build_repeat(runs[1], build_lane(runs[1], 100, 101 + i, 2 * MS), 20000, 1 * MS, 0, CAUSE_NETWORK, 3 * MS);
    build_finish(runs[1], 3.0);
    for (size_t i = 0; i < ARRAY_SIZE(runs); i++) {
        double start = cpu_now_ms();
        struct advice *a = build_advice(runs[i]);

        print_message("advice in %.0f ms of CPU time\n", cpu_now_ms() - start);
        assert_true(cpu_now_ms() - start < 10000);
        assert_true(a->recommendation.n_flips_if > 0);
        advice_free(a);
        measurement_free(runs[i]);
    }
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
        cmocka_unit_test(where_a_limit_decided_the_flip_names_it),
        cmocka_unit_test(a_flip_names_the_change_and_what_is_ahead_then),
        cmocka_unit_test(processes_under_a_lock_flip_without_it),
        cmocka_unit_test(the_factor_that_is_named_is_where_it_flips),
        cmocka_unit_test(a_tie_moves_nobody_who_would_have_to_change),
        cmocka_unit_test(the_same_run_flips_the_same),
        cmocka_unit_test(a_long_run_is_asked_no_longer),
        cmocka_unit_test(no_flip_repeats_the_advice_or_asks_for_bad_data),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
