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

/* Four threads queue for a mutex, one CPU busy: what mending it is worth depends on what is behind it. */
static void a_mutex_is_mended_unless_the_interpreter_lock_is_behind_it(void **state)
{
    static const double held[] = {0.7, 0.8};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(held); i++) {
        struct measurement *m = build_new(RUNTIME_CPYTHON, 4);
        struct advice *a;

        build_repeat(m, build_lane(m, 100, 100, 0), 1, 2 * MS, 0, CAUSE_OTHER, 0);
        for (int k = 0; k < 4; k++)
            build_handoff(m, build_lane(m, 100, 101 + k, 2 * MS), 500, 1 * MS, CAUSE_HANDOFF, 3 * MS, 0x1000,
                          101 + (k + 1) % 4);
        build_lock_held(m, held[i]);
        build_finish(m, 0.0);
        a = build_advice(m);
        assert_string_equal(a->recommendation.why_id, held[i] < 0.75 ? "lock_fix" : "gil_processes");
        assert_true(build_finding(a, 2101)->gain < 1.0 / held[i] + 0.02);
        advice_free(a);
        measurement_free(m);
    }
}

/* In a short run the main thread starts up for as long as a worker works: that makes it none. */
static void who_starts_the_workers_is_none(void **state)
{
    for (int processes = 0; processes < 2; processes++) {
        struct measurement *m = build_new(RUNTIME_NATIVE, 4);
        struct advice *a;

        (void)state;
        build_repeat(m, build_lane(m, 100, 100, 0), 1, 250 * MS, 0, CAUSE_OTHER, 0);
        for (int i = 0; i < 4; i++)
            build_repeat(m, build_lane(m, processes ? 101 + i : 100, 101 + i, 250 * MS), 20, 15 * MS, 0, CAUSE_OTHER,
                         0);
        build_finish(m, 0.0);
        a = build_advice(m);
        assert_int_equal(a->current_model, processes ? MODEL_PROCESSES : MODEL_THREADS);
        assert_int_equal(a->current_workers, 4);
        advice_free(a);
        measurement_free(m);
    }
}

static uint64_t cpu_now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * NSEC_PER_SEC + (uint64_t)now.tv_nsec;
}

/* The bar is 0.5 s; the limit here is only to catch what grows with the square. Sanitizers take their time. */
static void a_thousand_threads_are_analyzed_in_no_time(void **state)
{
    struct measurement *m = build_new(RUNTIME_CPYTHON, 8);
    struct advice *a;
    uint64_t start_ns;

    (void)state;
    build_repeat(m, build_lane(m, 100, 100, 0), 1, 30 * MS, 0, CAUSE_OTHER, 0);
    for (int i = 0; i < 1000; i++) {
        size_t lane = build_lane(m, 100, 101 + i, 30 * MS);

        build_handoff(m, lane, 65, 1 * MS, CAUSE_HANDOFF, 5 * MS, 0x1000 + (uint64_t)(i % 7), 101 + (i + 7) % 1000);
        build_repeat(m, lane, 66, 1 * MS, 0, CAUSE_NETWORK, 50 * MS);
    }
    build_finish(m, 500.0);
    start_ns = cpu_now_ns();
    a = build_advice(m);
    print_message("131,001 slices in %.0f ms of CPU time\n", (double)(cpu_now_ns() - start_ns) / 1e6);
    assert_true(cpu_now_ns() - start_ns < 20 * NSEC_PER_SEC);
    assert_int_not_equal(a->recommendation.model, MODEL_NONE);
    advice_free(a);
    measurement_free(m);
}

static void broken_measurements_are_refused(void **state)
{
    struct measurement *m = case_serial_cpu(RUNTIME_NATIVE, 1000 * MS);
    struct advice *a = NULL;

    (void)state;
    m->threads[0].on_cpu_ns += 1;
    assert_int_equal(analyze(m, NULL, &a), -EBADMSG);
    assert_null(a);
    measurement_free(m);
}

static void the_same_measurement_gives_the_same_advice(void **state)
{
    struct measurement *m = case_gil_threads(4, 500 * MS, 1500 * MS);
    struct advice *a = build_advice(m), *b = build_advice(m);

    (void)state;
    assert_int_equal(a->n_path, b->n_path);
    assert_int_equal(a->recommendation.expected_ns, b->recommendation.expected_ns);
    assert_memory_equal(a->recommendation.interval, b->recommendation.interval, sizeof(a->recommendation.interval));
    advice_free(a);
    advice_free(b);
    measurement_free(m);
}

/* A hostile file: nothing but what the checks let through. */
static void empty_and_extreme_measurements_do_no_harm(void **state)
{
    struct measurement *empty = build_new(RUNTIME_NATIVE, 1);
    struct measurement *huge = build_new(RUNTIME_CPYTHON, 1);
    struct advice *a;

    (void)state;
    a = build_advice(empty);
    assert_int_equal(a->recommendation.model, MODEL_NONE);
    advice_free(a);
    huge->wall_ns = UINT64_MAX / 4;
    build_repeat(huge, build_lane(huge, 100, 100, 0), 1, UINT64_MAX / 8, 0, CAUSE_NETWORK, UINT64_MAX / 8);
    build_finish(huge, 1.0);
    a = build_advice(huge);
    advice_free(a);
    measurement_free(empty);
    measurement_free(huge);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_leaf_has_a_program_that_ends_there),
        cmocka_unit_test(a_mutex_is_mended_unless_the_interpreter_lock_is_behind_it),
        cmocka_unit_test(who_starts_the_workers_is_none),
        cmocka_unit_test(a_thousand_threads_are_analyzed_in_no_time),
        cmocka_unit_test(broken_measurements_are_refused),
        cmocka_unit_test(the_same_measurement_gives_the_same_advice),
        cmocka_unit_test(empty_and_extreme_measurements_do_no_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
