/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "analyzer/profile/profile.h"
#include "tests/analyzer/profile/checked.h"
#include "tests/analyzer/synthetic.h"

/* A pool's workers that never wait: the dispatcher's waits tell where their items end. */
static void results_handed_in_end_items(void **state)
{
    for (int told = 0; told < 2; told++) {
        CLEANUP(measurement_freep) struct measurement *m = synthetic_new(2);
        CLEANUP(profile_freep) struct profile *p = NULL;
        size_t collector;

        (void)state;
        synthetic_python(m);
        synthetic_process(m, 1, 0);
        synthetic_thread(m, 1, 1, 0, 0);
        synthetic_slice(m, 0, 10 * MS, 200 * MS, CAUSE_HANDOFF);
        collector = synthetic_thread(m, 2, 1, 1, 10 * MS);
        for (int32_t worker = 0; worker < 2; worker++) {
            size_t t = synthetic_thread(m, 10 + worker, 10 + worker, 1, 10 * MS);

            synthetic_process(m, 10 + worker, 1);
            /* It says that it is there; then ten items of 19 ms, and two threads told of each result. */
            synthetic_woken_slice(m, t, 190 * MS, 10 * MS, CAUSE_IPC, 1);
        }
        for (int i = 0; i < 10; i++)
            for (int32_t worker = 0; worker < 2; worker++) {
                uint64_t cpu_ns = (uint64_t)(i + 1) * 19 * MS;

                synthetic_queue_slice(m, collector, 10 * US, 5 * MS, CAUSE_IPC, 0, 10 + worker, told ? cpu_ns : 100);
                synthetic_queue_slice(m, collector, 10 * US, 4 * MS, CAUSE_HANDOFF, 7, 10 + worker,
                                      told ? cpu_ns + 5 * US : 200);
            }
        p = profile_checked(m);
        assert_int_equal(p->current_model, MODEL_PROCESSES);
        assert_int_equal(p->n_items, told ? 20 : 2);
        /* The first of each worker was forked with it: a millisecond is its start. */
        for (size_t i = 0; told && i < p->n_items; i++)
            assert_in_range(p->steps[p->items[i].first_step].locked_cpu_ns, 18 * MS, 19 * MS + 200 * US);
        if (told)
            assert_about(p->steps[p->items[0].first_step].locked_cpu_ns, 18 * MS);
    }
}

/*
 * Workers that end their waits together wake the dispatcher once: here it shows only the last result of each.
 * Then each wait is an item.
 */
static void results_that_are_seen_now_and_then_end_no_items(void **state)
{
    CLEANUP(measurement_freep) struct measurement *m = synthetic_new(2);
    CLEANUP(profile_freep) struct profile *p = NULL;
    size_t collector;

    (void)state;
    synthetic_python(m);
    synthetic_process(m, 1, 0);
    synthetic_thread(m, 1, 1, 0, 0);
    synthetic_slice(m, 0, 10 * MS, 200 * MS, CAUSE_HANDOFF);
    collector = synthetic_thread(m, 2, 1, 1, 10 * MS);
    for (int32_t worker = 0; worker < 4; worker++) {
        size_t t = synthetic_thread(m, 10 + worker, 10 + worker, 1, 10 * MS);

        synthetic_process(m, 10 + worker, 1);
        for (int i = 0; i < 30; i++)
            synthetic_slice(m, t, 1 * MS, 10 * MS, CAUSE_NETWORK);
        synthetic_slice(m, t, 1 * MS, 0, CAUSE_OTHER);
        synthetic_queue_slice(m, collector, 10 * US, 60 * MS, CAUSE_IPC, 0, 10 + worker, 30 * MS + 500 * US);
    }
    p = profile_checked(m);
    assert_int_equal(p->n_items, 4 * 30);
}

/* Threads that feed a pool of processes with tiny items burn more than its workers, but are none. */
static void feeders_are_no_workers(void **state)
{
    CLEANUP(measurement_freep) struct measurement *m = synthetic_new(2);
    CLEANUP(profile_freep) struct profile *p = NULL;

    (void)state;
    synthetic_python(m);
    synthetic_process(m, 1, 0);
    synthetic_thread(m, 1, 1, 0, 0);
    synthetic_slice(m, 0, 10 * MS, 1000 * MS, CAUSE_JOIN);
    for (int32_t feeder = 0; feeder < 2; feeder++) {
        size_t t = synthetic_thread(m, 2 + feeder, 1, 1, 10 * MS);

        for (int i = 0; i < 5000; i++)
            synthetic_slice(m, t, 100 * US, 100 * US, CAUSE_HANDOFF);
    }
    for (int32_t worker = 0; worker < 2; worker++) {
        size_t t = synthetic_thread(m, 10 + worker, 10 + worker, 1, 10 * MS);

        synthetic_process(m, 10 + worker, 1);
        for (int i = 0; i < 5000; i++)
            synthetic_woken_slice(m, t, 30 * US, 170 * US, CAUSE_IPC, 2);
    }
    p = profile_checked(m);
    assert_int_equal(p->current_model, MODEL_PROCESSES);
    assert_int_equal(p->current_workers, 2);
    assert_int_equal(p->n_items, 9998); /* before its first wait each worker only started */
    /* They are what workers wait for: two lanes of 200 us an item, 30 of them work. */
    assert_in_range(p->ipc_ns_per_item, 160 * US, 175 * US);
    assert_int_equal(p->n_phases, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results_handed_in_end_items),
        cmocka_unit_test(results_that_are_seen_now_and_then_end_no_items),
        cmocka_unit_test(feeders_are_no_workers),
    };

    return cmocka_run_group_tests_name("analyzer/profile/results", tests, NULL, NULL);
}
