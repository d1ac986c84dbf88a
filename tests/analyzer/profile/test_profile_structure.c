/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "analyzer/profile/profile.h"
#include "tests/analyzer/profile/checked.h"
#include "tests/analyzer/synthetic.h"

/* Threads 2, 3, ... with `counts` items each of 10 ms of waiting and 1 ms of CPU. */
static struct measurement *lanes_of(const int *counts, int32_t n)
{
    struct measurement *m = synthetic_new(2);

    synthetic_thread(m, 1, 1, 0, 0);
    synthetic_slice(m, 0, 1 * MS, 1000 * MS, CAUSE_JOIN);
    for (int32_t lane = 0; lane < n; lane++) {
        size_t t = synthetic_thread(m, 2 + lane, 1, 1, 1 * MS);

        for (int i = 0; i < counts[lane]; i++)
            synthetic_slice(m, t, i ? 1 * MS : 50 * US, 10 * MS, CAUSE_NETWORK);
        synthetic_slice(m, t, 1 * MS, 0, CAUSE_OTHER);
    }
    return m;
}

/* Lanes that end far apart, or with the same number, had a share each; from a bag they take until it is empty. */
static void shares_are_told_from_a_bag(void **state)
{
    static const struct {
        int counts[3];
        bool fixed;
    } cases[] = {{{20, 20, 20}, true}, {{10, 20, 40}, true}, {{20, 21, 20}, false}, {{19, 20, 20}, false}};

    (void)state;
    for (size_t c = 0; c < ARRAY_SIZE(cases); c++) {
        CLEANUP(measurement_freep) struct measurement *m = lanes_of(cases[c].counts, 3);
        CLEANUP(profile_freep) struct profile *p = profile_checked(m);
        int counts[3] = {0};

        assert_int_equal(p->n_lanes, 3);
        assert_int_equal(p->fixed_lanes, cases[c].fixed);
        for (size_t i = 0; i < p->n_items; i++)
            counts[p->items[i].lane]++;
        for (size_t i = 0; i < 3; i++)
            assert_int_equal(counts[i], cases[c].counts[i]);
    }
}

/* Items are in the order in which they began, whichever lane had them. */
static void items_are_in_order_of_time(void **state)
{
    static const int counts[] = {12, 12};
    CLEANUP(measurement_freep) struct measurement *m = lanes_of(counts, 2);
    CLEANUP(profile_freep) struct profile *p = profile_checked(m);

    (void)state;
    assert_int_equal(p->n_items, 24);
    for (size_t i = 0; i + 1 < p->n_items; i += 2)
        assert_int_not_equal(p->items[i].lane, p->items[i + 1].lane);
}

/* What a worker does before its first and after its last wait is no item of its own. */
static void start_and_end_of_a_worker_are_no_items(void **state)
{
    CLEANUP(measurement_freep) struct measurement *m = synthetic_new(2);
    CLEANUP(profile_freep) struct profile *p = NULL;

    (void)state;
    synthetic_thread(m, 1, 1, 0, 0);
    synthetic_slice(m, 0, 1 * MS, 1000 * MS, CAUSE_JOIN);
    for (int32_t lane = 0; lane < 2; lane++) {
        size_t t = synthetic_thread(m, 2 + lane, 1, 1, 1 * MS);

        synthetic_woken_slice(m, t, 60 * US, 1 * MS, CAUSE_HANDOFF, 1);
        for (int i = 0; i < 10; i++)
            synthetic_woken_slice(m, t, 10 * MS, 1 * MS, CAUSE_HANDOFF, 1);
        synthetic_slice(m, t, 40 * US, 0, CAUSE_OTHER);
    }
    p = profile_checked(m);
    assert_int_equal(p->n_items, 20);
    assert_false(p->fixed_lanes); /* what was handed over was nobody's share */
}

/* The same measurement, the same profile. */
static void profiles_are_deterministic(void **state)
{
    static const int counts[] = {30, 10, 20};
    CLEANUP(measurement_freep) struct measurement *m = lanes_of(counts, 3);
    CLEANUP(profile_freep) struct profile *a = profile_checked(m);
    CLEANUP(profile_freep) struct profile *b = NULL;

    (void)state;
    assert_int_equal(profile_from_measurement(m, &b), 0);
    assert_int_equal(a->n_items, b->n_items);
    assert_int_equal(a->n_steps, b->n_steps);
    assert_memory_equal(a->items, b->items, a->n_items * sizeof(*a->items));
    for (size_t i = 0; i < a->n_steps; i++)
        assert_int_equal(a->steps[i].wait_ns, b->steps[i].wait_ns);
}

/* Thousands of threads with hundreds of slices each: done in time that grows with their number only. */
static void many_lanes_are_no_trouble(void **state)
{
    CLEANUP(measurement_freep) struct measurement *m = synthetic_new(2);
    CLEANUP(profile_freep) struct profile *p = NULL;

    (void)state;
    synthetic_thread(m, 1, 1, 0, 0);
    synthetic_slice(m, 0, 1 * MS, 1000 * MS, CAUSE_JOIN);
    for (int32_t lane = 0; lane < 10000; lane++) {
        size_t t = synthetic_thread(m, 2 + lane, 1, 1, 1 * MS);

        for (int i = 0; i < 100; i++)
            synthetic_queue_slice(m, t, 10 * US, 1 * MS, i % 2 ? CAUSE_NETWORK : CAUSE_LOCK, 1 + (uint64_t)lane % 7,
                                  2 + (lane + 7) % 10000, (uint64_t)i * 10 * US);
    }
    p = profile_checked(m);
    assert_int_equal(p->n_lanes, 10000);
    assert_int_equal(p->n_locks, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_are_told_from_a_bag),
        cmocka_unit_test(items_are_in_order_of_time),
        cmocka_unit_test(start_and_end_of_a_worker_are_no_items),
        cmocka_unit_test(profiles_are_deterministic),
        cmocka_unit_test(many_lanes_are_no_trouble),
    };

    return cmocka_run_group_tests_name("analyzer/profile/structure", tests, NULL, NULL);
}
