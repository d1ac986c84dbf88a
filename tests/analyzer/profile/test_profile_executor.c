/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/analyzer/executors.h"
#include "tests/analyzer/profile/checked.h"

static uint64_t total_wait(const struct profile *p)
{
    uint64_t sum_ns = 0;

    for (size_t i = 0; i < p->n_steps; i++)
        sum_ns += p->steps[i].wait_ns;
    return sum_ns;
}

/* Items are the bursts, each after its share of what the loop waited for. */
static void items_wait_in_the_loop_and_work_behind_it(void **state)
{
    CLEANUP(measurement_freep) struct measurement *m = executor_measured();
    CLEANUP(profile_freep) struct profile *p = profile_checked(m);

    (void)state;
    assert_int_equal(p->current_model, MODEL_COROUTINES);
    assert_int_equal(p->current_workers, 8);
    assert_int_equal(p->executor_threads, 2);
    assert_int_equal(p->n_items, 8);
    assert_int_equal(p->head_ns, 50 * MS);
    assert_about(total_wait(p), 8 * 60 * MS);
    for (size_t i = 0; i < p->n_items; i++) {
        const struct profile_step *steps = &p->steps[p->items[i].first_step];

        assert_int_equal(p->items[i].n_steps, 2);
        assert_false(steps[0].offload);
        assert_about(steps[0].wait_ns, 60 * MS);
        assert_true(steps[1].offload);
        assert_about(steps[1].free_cpu_ns, 38 * MS);
    }
    assert_false(p->nothing_to_await);
    assert_false(p->waits_unknown);
}

/* That it waited is known, for how many at once is not. */
static void waits_that_nobody_counted_are_unknown(void **state)
{
    CLEANUP(measurement_freep) struct measurement *m = executor_measured();
    CLEANUP(profile_freep) struct profile *p = NULL;

    (void)state;
    m->processes[0].max_connections = 0;
    p = profile_checked(m);
    assert_int_equal(p->current_model, MODEL_COROUTINES);
    assert_int_equal(p->current_workers, 2);
    assert_true(p->waits_unknown);
}

/* A serial program that reads and packs files: a loop could only hand all of it to threads. Short bursts stay. */
static void long_calls_and_disks_are_nothing_to_await(void **state)
{
    static const struct {
        uint64_t cpu_ns;
        uint64_t wait_ns;
        enum cause cause;
        bool offload, nothing;
    } cases[] = {
        {20 * MS, 1 * MS, CAUSE_DISK, true, true},      {20 * MS, 0, CAUSE_OTHER, true, true},
        {20 * MS, 20 * MS, CAUSE_SLEEP, true, false},   {1 * MS, 1 * MS, CAUSE_DISK, false, true},
        {1 * MS, 20 * MS, CAUSE_NETWORK, false, false}, {4 * MS, 0, CAUSE_OTHER, false, false},
    };

    (void)state;
    for (size_t c = 0; c < ARRAY_SIZE(cases); c++) {
        CLEANUP(measurement_freep) struct measurement *m = synthetic_new(2);
        CLEANUP(profile_freep) struct profile *p = NULL;
        bool any = false;

        synthetic_python(m);
        for (int32_t t = 0; t < 2; t++) {
            size_t thread = synthetic_thread(m, 1 + t, 1, t ? 1 : 0, 0);

            for (int i = 0; i < 20; i++) {
                synthetic_slice(m, thread, cases[c].cpu_ns, cases[c].wait_ns, cases[c].cause);
                if (!cases[c].wait_ns)
                    synthetic_slice(m, thread, 0, 1 * MS, CAUSE_HANDOFF);
            }
            m->threads[thread].cpu_samples = 100;
            m->threads[thread].lock_held_samples = 5;
        }
        p = profile_checked(m);
        for (size_t i = 0; i < p->n_steps; i++)
            any |= p->steps[i].offload;
        assert_int_equal(any, cases[c].offload);
        assert_int_equal(p->nothing_to_await, cases[c].nothing);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_wait_in_the_loop_and_work_behind_it),
        cmocka_unit_test(waits_that_nobody_counted_are_unknown),
        cmocka_unit_test(long_calls_and_disks_are_nothing_to_await),
    };

    return cmocka_run_group_tests_name("analyzer/profile/executor", tests, NULL, NULL);
}
