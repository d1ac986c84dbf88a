/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "analyzer/profile/profile.h"
#include "tests/analyzer/profile/checked.h"
#include "tests/analyzer/synthetic.h"

#define N 50

/* What the second stage does after its first item: it waits for the next one, or (a full queue) is never short. */
enum bottleneck { FIRST, SECOND };

/* Thread 2 hands each item to thread 3; `both` also waits for it to come back. */
static struct measurement *pipeline(enum bottleneck slow, bool both)
{
    struct measurement *m = synthetic_new(4);
    size_t first, second;

    synthetic_thread(m, 1, 1, 0, 0);
    synthetic_slice(m, 0, 1 * MS, 1200 * MS, CAUSE_JOIN);
    first = synthetic_thread(m, 2, 1, 1, 1 * MS);
    second = synthetic_thread(m, 3, 1, 1, 1 * MS);
    for (int i = 0; i < N; i++) {
        synthetic_slice(m, first, 2 * MS, slow == FIRST ? 18 * MS : 3 * MS, CAUSE_NETWORK);
        if (both || (slow == SECOND && i > 5))
            synthetic_woken_slice(m, first, 20 * US, 15 * MS, CAUSE_HANDOFF, 3);
    }
    for (int i = 0; i < N; i++) {
        if (i == 0 || both || slow == FIRST)
            synthetic_woken_slice(m, second, 20 * US, slow == FIRST || i == 0 ? 12 * MS : 1 * MS, CAUSE_HANDOFF, 2);
        synthetic_slice(m, second, 1 * MS, slow == SECOND ? 19 * MS : 7 * MS, CAUSE_SLEEP);
    }
    synthetic_slice(m, second, slow == SECOND ? 20 * MS : 200 * MS, 0, CAUSE_OTHER);
    return m;
}

static void one_way_handovers_are_stages(void **state)
{
    for (int slow = FIRST; slow <= SECOND; slow++) {
        CLEANUP(measurement_freep) struct measurement *m = pipeline((enum bottleneck)slow, false);
        CLEANUP(profile_freep) struct profile *p = profile_checked(m);

        (void)state;
        assert_int_equal(p->n_stages, 2);
        assert_int_equal(p->stage_lanes[0], 1);
        assert_int_equal(p->stage_lanes[1], 1);
        assert_in_range(p->n_items, N, N + 1);
        assert_in_range(p->dependence.passed_on, N, N + 1);
        for (size_t i = 0; i + 1 < p->n_items; i++) {
            const struct profile_item *item = &p->items[i];
            uint64_t wait_ns[2] = {0};

            for (size_t s = 0; s < item->n_steps; s++) {
                const struct profile_step *step = &p->steps[item->first_step + s];

                wait_ns[step->stage] += step->wait_ns;
                assert_true(s == 0 || step->stage >= p->steps[item->first_step + s - 1].stage);
            }
            if (i > 0) {
                assert_about(wait_ns[0], slow == FIRST ? 18 * MS : 3 * MS);
                assert_about(wait_ns[1], slow == SECOND ? 19 * MS : 7 * MS);
            }
        }
    }
}

/* A consumer that is never short of items does not wait, but the producer of a full queue does: who is who? */
static void a_full_queue_tells_the_direction(void **state)
{
    for (int early = 1; early <= 10; early += 9) {
        CLEANUP(measurement_freep) struct measurement *m = synthetic_new(2);
        CLEANUP(profile_freep) struct profile *p = NULL;
        size_t producer, consumer;

        (void)state;
        synthetic_thread(m, 1, 1, 0, 0);
        synthetic_slice(m, 0, 1 * MS, 1100 * MS, CAUSE_JOIN);
        producer = synthetic_thread(m, 2, 1, 1, 1 * MS);
        consumer = synthetic_thread(m, 3, 1, 1, 1 * MS);
        for (int i = 0; i < N; i++)
            synthetic_woken_slice(m, producer, i ? 5 * MS : (uint64_t)early * 5 * MS, 12 * MS, CAUSE_HANDOFF, 3);
        synthetic_slice(m, consumer, 1000 * MS, 0, CAUSE_OTHER);
        p = profile_checked(m);
        /* Waiting after the first item could as well be waiting for the next one. */
        assert_int_equal(p->n_stages, early == 1 ? 1 : 2);
        if (early == 1)
            continue;
        assert_in_range(p->n_items, N, N + 1);
        for (size_t s = 0; s < p->n_steps; s++)
            if (p->steps[s].stage == 1)
                assert_about(p->steps[s].free_cpu_ns, 1000 * MS / p->n_items);
    }
}

/* Two that wait for each other all the time are no pipeline. */
static void both_ways_are_no_stages(void **state)
{
    CLEANUP(measurement_freep) struct measurement *m = pipeline(SECOND, true);
    CLEANUP(profile_freep) struct profile *p = profile_checked(m);

    (void)state;
    assert_int_equal(p->n_stages, 1);
}

/* Several lanes side by side in the middle; messages between processes. */
static void a_stage_can_have_several_lanes(void **state)
{
    CLEANUP(measurement_freep) struct measurement *m = synthetic_new(4);
    CLEANUP(profile_freep) struct profile *p = NULL;
    size_t first, last;

    (void)state;
    synthetic_process(m, 1, 0);
    synthetic_thread(m, 1, 1, 0, 0);
    synthetic_slice(m, 0, 1 * MS, 2000 * MS, CAUSE_JOIN);
    for (int32_t i = 0; i < 4; i++)
        synthetic_process(m, 10 + i, 1);
    first = synthetic_thread(m, 10, 10, 1, 1 * MS);
    for (int i = 0; i < 60; i++)
        synthetic_slice(m, first, 2 * MS, 8 * MS, CAUSE_NETWORK);
    for (int32_t lane = 0; lane < 2; lane++) {
        size_t t = synthetic_thread(m, 11 + lane, 11 + lane, 1, 1 * MS);

        for (int i = 0; i < 30; i++)
            synthetic_woken_slice(m, t, i ? 15 * MS : 20 * US, 6 * MS, CAUSE_IPC, 10);
        synthetic_slice(m, t, 15 * MS, 0, CAUSE_OTHER);
    }
    last = synthetic_thread(m, 13, 13, 1, 1 * MS);
    for (int i = 0; i < 60; i++)
        synthetic_woken_slice(m, last, i ? 1 * MS : 20 * US, 10 * MS, CAUSE_IPC, 11 + i % 2);
    synthetic_slice(m, last, 1 * MS, 0, CAUSE_OTHER);
    p = profile_checked(m);
    assert_int_equal(p->n_stages, 3);
    assert_int_equal(p->stage_lanes[0], 1);
    assert_int_equal(p->stage_lanes[1], 2);
    assert_int_equal(p->stage_lanes[2], 1);
    assert_int_equal(p->n_items, 60);
    assert_int_equal(p->n_lanes, 4);
}

/*
 * A bounded queue is empty first and full later, so that each side waits for the other for a time; and stages that do
 * nothing but sleep and hand on are no tickers.
 */
static void sleepers_at_a_bounded_queue_are_stages(void **state)
{
    for (int by_turns = 0; by_turns < 2; by_turns++) {
        CLEANUP(measurement_freep) struct measurement *m = synthetic_new(4);
        CLEANUP(profile_freep) struct profile *p = NULL;
        size_t first, second;

        (void)state;
        synthetic_thread(m, 1, 1, 0, 0);
        synthetic_slice(m, 0, 1 * MS, 1000 * MS, CAUSE_JOIN);
        first = synthetic_thread(m, 2, 1, 1, 1 * MS);
        second = synthetic_thread(m, 3, 1, 1, 1 * MS);
        for (int i = 0; i < N; i++) {
            bool full = by_turns ? i % 2 == 1 : i >= N / 2;

            synthetic_slice(m, first, 10 * US, full ? 5 * MS : 18 * MS, CAUSE_SLEEP);
            if (full)
                synthetic_woken_slice(m, first, 10 * US, 13 * MS, CAUSE_HANDOFF, 3);
            if (!full)
                synthetic_woken_slice(m, second, 10 * US, 13 * MS, CAUSE_HANDOFF, 2);
            synthetic_slice(m, second, 10 * US, full ? 18 * MS : 5 * MS, CAUSE_SLEEP);
        }
        synthetic_slice(m, second, 200 * US, 40 * MS, CAUSE_SLEEP);
        synthetic_slice(m, second, 200 * US, 0, CAUSE_OTHER);
        p = profile_checked(m);
        assert_int_equal(p->n_stages, by_turns ? 1 : 2);
        assert_int_equal(p->n_lanes, 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_way_handovers_are_stages),
        cmocka_unit_test(a_full_queue_tells_the_direction),
        cmocka_unit_test(both_ways_are_no_stages),
        cmocka_unit_test(a_stage_can_have_several_lanes),
        cmocka_unit_test(sleepers_at_a_bounded_queue_are_stages),
    };

    return cmocka_run_group_tests_name("analyzer/profile/stages", tests, NULL, NULL);
}
