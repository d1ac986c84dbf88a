/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include "analyzer/forecast.h"
#include "analyzer/profile/profile.h"
#include "cases.h"

static void the_parts_of_the_run_add_up(void **state)
{
    struct measurement *m = case_gil_threads(4, 500 * MS, 1500 * MS);
    struct forecast f;

    (void)state;
    assert_int_equal(forecast_init(m, MODEL_THREADS, 4, 0, &f), 0);
    assert_non_null(f.profile);
    assert_int_equal(f.cpus, 4);
    assert_true(f.same_machine);
    assert_true(fabs(f.idle_ns + f.active_ns - (double)m->wall_ns) < 1.0);
    assert_true(f.now_ns > 0.0 && fabs(f.now_ns - f.there_ns) < 1.0);
    assert_true(fabs(forecast_speedup(&f, f.active_ns) - 1.0) < 1e-9);
    assert_true(fabs(forecast_speedup(&f, f.active_ns / 2.0) - 2.0) < 1e-9);
    assert_true(forecast_speedup(&f, 0.0) == 0.0);
    forecast_clear(&f);
    assert_null(f.profile);
    measurement_free(m);
}

/* What is now was decided before: the profile's own view gives way. */
static void the_current_model_is_taken_over(void **state)
{
    struct measurement *m = case_gil_threads(4, 500 * MS, 1500 * MS);
    struct forecast f;

    (void)state;
    assert_int_equal(forecast_init(m, MODEL_SERIAL, 1, 0, &f), 0);
    assert_int_equal(f.profile->current_model, MODEL_SERIAL);
    assert_int_equal(f.profile->current_workers, 1);
    forecast_clear(&f);
    measurement_free(m);
}

static void more_cpus_change_there_and_not_now(void **state)
{
    struct measurement *m = case_busy_threads(RUNTIME_NATIVE, 4, 8, 1000 * MS, 1000 * MS);
    struct forecast f;

    (void)state;
    assert_int_equal(forecast_init(m, MODEL_THREADS, 8, 8, &f), 0);
    assert_false(f.same_machine);
    assert_true(f.there_ns < 0.7 * f.now_ns);
    forecast_clear(&f);
    measurement_free(m);
}

static void idle_time_is_nobodys(void **state)
{
    struct measurement *m = build_new(RUNTIME_NATIVE, 4);
    struct forecast f;

    (void)state;
    build_wait(m, build_lane(m, 100, 100, 0), CAUSE_IDLE, 1000 * MS);
    build_finish(m, 0.0);
    assert_int_equal(forecast_init(m, MODEL_SERIAL, 1, 0, &f), 0);
    assert_null(f.profile);
    assert_true(f.active_ns > 0.0 && f.now_ns == 0.0);
    forecast_clear(&f);
    measurement_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_parts_of_the_run_add_up),
        cmocka_unit_test(the_current_model_is_taken_over),
        cmocka_unit_test(more_cpus_change_there_and_not_now),
        cmocka_unit_test(idle_time_is_nobodys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
