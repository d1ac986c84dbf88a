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

/* Of a measurement that is freed. */
static double metric_of(struct measurement *m, enum metric metric)
{
    struct metrics metrics;
    struct lanes *lanes = NULL;

    assert_int_equal(lanes_new(m, &lanes), 0);
    assert_int_equal(metrics_compute(m, lanes, 0, &metrics), 0);
    lanes_free(lanes);
    measurement_free(m);
    return metrics.value[metric];
}

/* Two threads that compute 100 ms at a time, the second one beginning later by so much; between they idle as long. */
static double threads_at_work(enum runtime_kind kind, uint64_t idle_ns)
{
    struct measurement *m = build_new(kind, 2);

    for (int i = 0; i < 2; i++)
        build_repeat(m, build_lane(m, 100, 100 + i, i ? idle_ns : 0), 10, 100 * MS, 0, CAUSE_IDLE, idle_ns);
    build_finish(m, 0.0);
    return metric_of(m, METRIC_LANES_WORKING);
}

static void a_goroutine_that_changes_threads_is_one_worker(void **state)
{
    (void)state;
    assert_true(threads_at_work(RUNTIME_GO, 100 * MS) == 1.0);
    assert_true(threads_at_work(RUNTIME_GO, MS) == 2.0);
    assert_true(threads_at_work(RUNTIME_GO, 500 * MS) == 2.0); /* mostly waits: for what is not known */
    assert_true(threads_at_work(RUNTIME_NATIVE, 100 * MS) == 2.0);
}

/* A thousand threads of 100 us each: in Java the start of one costs more than in native code. */
static void starting_a_thread_of_java_costs_more(void **state)
{
    double native = metric_of(case_brief_workers(RUNTIME_NATIVE, false, 1000, 100 * US), METRIC_THREAD_START_SHARE);
    double java = metric_of(case_brief_workers(RUNTIME_JVM, false, 1000, 100 * US), METRIC_THREAD_START_SHARE);

    (void)state;
    assert_true(fabs(java / native - 2.5) < 0.01);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_goroutine_that_changes_threads_is_one_worker),
        cmocka_unit_test(starting_a_thread_of_java_costs_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
