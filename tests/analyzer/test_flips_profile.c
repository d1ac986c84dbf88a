/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include "analyzer/flips_profile.h"
#include "analyzer/forecast.h"
#include "cases.h"

static double work_of(const struct profile *p)
{
    double sum = 0.0;

    for (size_t i = 0; i < p->n_steps; i++)
        sum += (double)(p->steps[i].locked_cpu_ns + p->steps[i].free_cpu_ns + p->steps[i].wait_ns);
    return sum;
}

/* Items cover the steps in order, and what is left out is what it says. */
static void check(const struct forecast *f)
{
    struct flips_profile thin = {0};
    size_t next = 0;

    assert_int_equal(flips_profile_thin(f, &thin), 0);
    assert_true(thin.every >= 1.0 && thin.profile.n_items >= 1);
    for (size_t i = 0; i < thin.profile.n_items; i++) {
        assert_int_equal(thin.profile.items[i].first_step, next);
        assert_true(thin.profile.items[i].n_steps >= 1);
        next += thin.profile.items[i].n_steps;
    }
    assert_int_equal(next, thin.profile.n_steps);
    assert_true(thin.profile.n_steps <= 512);
    assert_true(fabs(work_of(&thin.profile) * thin.every / work_of(f->profile) - 1.0) < 0.05);
    assert_true(fabs((double)thin.profile.head_ns * thin.every - (double)f->profile->head_ns) <= thin.every);
    assert_true(thin.costs.process_start_ns <= f->costs.process_start_ns);
    flips_profile_clear(&thin);
    assert_null(thin.items);
}

static void long_profiles_get_short_and_short_ones_stay(void **state)
{
    struct measurement *runs[] = {
        case_serial_waits(RUNTIME_CPYTHON, 10, 20 * MS, MS), case_serial_waits(RUNTIME_CPYTHON, 5000, 20 * MS, MS),
        case_gil_threads(4, 500 * MS, 1500 * MS), build_new(RUNTIME_CPYTHON, 4), /* few items of many steps */
    };

    (void)state;
    build_repeat(runs[3], build_lane(runs[3], 100, 100, 0), 1, 2 * MS, 0, CAUSE_OTHER, 0);
    for (int i = 0; i < 4; i++)
        build_repeat(runs[3], build_lane(runs[3], 100, 101 + i, 2 * MS), 2000, 1 * MS, 0, CAUSE_NETWORK, 3 * MS);
    build_finish(runs[3], 3.0);
    for (size_t i = 0; i < ARRAY_SIZE(runs); i++) {
        struct forecast f;

        assert_int_equal(forecast_init(runs[i], i == 0 || i == 1 ? MODEL_SERIAL : MODEL_THREADS, 4, 0, &f), 0);
        check(&f);
        forecast_clear(&f);
        measurement_free(runs[i]);
    }
}

/* Under a lock for a while now and then, or for each second step: what is under it is not mixed with the rest. */
static void items_of_many_steps_keep_their_work(void **state)
{
    static struct profile_step steps[100000];
    struct profile_item items[2] = {{.first_step = 0, .n_steps = 60000}, {.first_step = 60000, .n_steps = 40000}};
    struct profile_phase phase = {0};
    struct profile p = {
        .steps = steps, .n_steps = 100000, .items = items, .n_items = 2, .phases = &phase, .n_phases = 1};
    const struct forecast f = {.profile = &p, .cpus = 2, .active_ns = 1.0};

    (void)state;
    for (size_t every = 2; every <= 1000; every *= 500) {
        struct flips_profile thin = {0};
        uint64_t locked = 0;

        for (size_t i = 0; i < p.n_steps; i++)
            steps[i] = (struct profile_step){.free_cpu_ns = 1000 + i, .wait_ns = 7000, .lock = i % every < every / 2};
        assert_int_equal(flips_profile_thin(&f, &thin), 0);
        assert_int_equal(thin.profile.n_items, 2);
        assert_true(thin.profile.n_steps < 512);
        assert_true(fabs(work_of(&thin.profile) - work_of(&p)) < 1.0);
        for (size_t i = 0; i < thin.profile.n_steps; i++) {
            assert_in_range(thin.profile.steps[i].lock, 0, 1);
            locked += thin.profile.steps[i].lock ? thin.profile.steps[i].wait_ns : 0;
        }
        assert_int_equal(locked, p.n_steps / 2 * 7000);
        flips_profile_clear(&thin);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(long_profiles_get_short_and_short_ones_stay),
        cmocka_unit_test(items_of_many_steps_keep_their_work),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
