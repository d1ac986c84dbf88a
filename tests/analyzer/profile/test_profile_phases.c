/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "analyzer/profile/profile.h"
#include "tests/analyzer/profile/checked.h"
#include "tests/analyzer/synthetic.h"

/*
 * Rounds of a pool: the main thread works for `serial_ns`, two workers wait for it, then do four items of 5 ms each
 * while it waits for them.
 */
static struct measurement *rounds(int n, uint64_t serial_ns)
{
    struct measurement *m = synthetic_new(2);

    synthetic_thread(m, 1, 1, 0, 0);
    synthetic_slice(m, 0, 10 * MS, 20 * MS, CAUSE_HANDOFF);
    for (int r = 0; r < n; r++)
        synthetic_slice(m, 0, serial_ns, 20 * MS, CAUSE_HANDOFF);
    for (int32_t lane = 0; lane < 2; lane++) {
        size_t t = synthetic_thread(m, 2 + lane, 1, 1, 10 * MS);

        for (int r = 0; r <= n; r++)
            for (int i = 0; i < 4; i++)
                synthetic_woken_slice(m, t, 5 * MS, i == 3 && r < n ? serial_ns : 0, CAUSE_HANDOFF, 1);
    }
    return m;
}

/* What the creator does between rounds is a phase's serial part, and the creator no worker. */
static void serial_parts_between_rounds_are_phases(void **state)
{
    CLEANUP(measurement_freep) struct measurement *m = rounds(5, 40 * MS);
    CLEANUP(profile_freep) struct profile *p = profile_checked(m);
    uint64_t cpu_ns[6] = {0};

    (void)state;
    assert_int_equal(p->current_model, MODEL_THREADS);
    assert_int_equal(p->current_workers, 2);
    assert_int_equal(p->n_lanes, 2);
    assert_int_equal(p->n_phases, 6);
    for (uint32_t i = 1; i < p->n_phases; i++) {
        assert_about(p->phases[i].serial_ns, 40 * MS);
        assert_about(p->phases[i].serial_cpu_ns, 40 * MS);
    }
    for (size_t i = 0; i < p->n_items; i++)
        for (size_t s = 0; s < p->items[i].n_steps; s++)
            cpu_ns[p->items[i].phase] += p->steps[p->items[i].first_step + s].free_cpu_ns;
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(cpu_ns[i], 40 * MS);
    assert_int_equal(p->head_ns, 10 * MS);
    assert_int_equal(p->serial_cpu_ns, 10 * MS);
}

/* Hand-overs are no phases, however many. */
static void short_gaps_are_not_phases(void **state)
{
    for (uint64_t serial_ns = 400 * US; serial_ns <= 4 * MS; serial_ns *= 10) {
        CLEANUP(measurement_freep) struct measurement *m = rounds(20, serial_ns);
        CLEANUP(profile_freep) struct profile *p = profile_checked(m);

        (void)state;
        assert_int_equal(p->n_phases, serial_ns < MS ? 1 : 21);
    }
}

/* Serial, then threads, then serial again, and once more: threads made for each round share their places. */
static void threads_of_each_round_are_one_pool(void **state)
{
    CLEANUP(measurement_freep) struct measurement *m = synthetic_new(4);
    CLEANUP(profile_freep) struct profile *p = NULL;

    (void)state;
    synthetic_thread(m, 1, 1, 0, 0);
    for (int r = 0; r < 2; r++)
        synthetic_slice(m, 0, 50 * MS, 200 * MS, CAUSE_JOIN);
    synthetic_slice(m, 0, 50 * MS, 0, CAUSE_OTHER);
    for (int32_t i = 0; i < 4; i++) {
        size_t t = synthetic_thread(m, 2 + i, 1, 1, i < 2 ? 50 * MS : 300 * MS);

        for (int k = 0; k < 10; k++)
            synthetic_slice(m, t, 5 * MS, 15 * MS, CAUSE_NETWORK);
    }
    p = profile_checked(m);
    assert_int_equal(p->n_phases, 2);
    assert_about(p->phases[1].serial_ns, 50 * MS);
    assert_int_equal(p->head_ns, 50 * MS);
    assert_int_equal(p->tail_ns, 50 * MS);
    assert_int_equal(p->n_lanes, 2);
    assert_int_equal(p->n_items, 40);
    for (size_t i = 0; i < p->n_items; i++)
        assert_int_equal(p->items[i].phase, i >= 20);
}

/* The creator's time in the run queue, before the first round and between, is other programs'. */
static void serial_parts_have_no_run_queue(void **state)
{
    CLEANUP(measurement_freep) struct measurement *m = rounds(5, 40 * MS);
    CLEANUP(profile_freep) struct profile *p = NULL;

    (void)state;
    /* Half of what looked like work was waiting for a CPU. */
    for (size_t i = 0; i < m->threads[0].n_slices; i++) {
        struct slice *slice = &m->threads[0].slices[i];

        slice->runnable_ns = slice->on_cpu_ns / 2;
        slice->on_cpu_ns -= slice->runnable_ns;
        m->threads[0].on_cpu_ns -= slice->runnable_ns;
        m->threads[0].runnable_ns += slice->runnable_ns;
    }
    p = profile_checked(m);
    assert_int_equal(p->n_phases, 6);
    assert_int_equal(p->head_ns, 5 * MS);
    for (uint32_t i = 1; i < p->n_phases; i++)
        assert_about(p->phases[i].serial_ns, 20 * MS);
    assert_about(p->foreign_runnable_ns, 105 * MS);
}

/* A creator that works beside its workers is one of them; its work is no serial part. */
static void a_working_creator_makes_no_phases(void **state)
{
    CLEANUP(measurement_freep) struct measurement *m = synthetic_new(4);
    CLEANUP(profile_freep) struct profile *p = NULL;

    (void)state;
    synthetic_thread(m, 1, 1, 0, 0);
    for (int i = 0; i < 100; i++)
        synthetic_slice(m, 0, 10 * MS, 0, CAUSE_OTHER);
    for (int32_t lane = 0; lane < 2; lane++) {
        size_t t = synthetic_thread(m, 2 + lane, 1, 1, 10 * MS);

        for (int i = 0; i < 9; i++)
            synthetic_woken_slice(m, t, 90 * MS, 10 * MS, CAUSE_HANDOFF, 1);
    }
    p = profile_checked(m);
    assert_int_equal(p->n_phases, 1);
    assert_int_equal(p->current_workers, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(serial_parts_between_rounds_are_phases), cmocka_unit_test(short_gaps_are_not_phases),
        cmocka_unit_test(threads_of_each_round_are_one_pool),     cmocka_unit_test(serial_parts_have_no_run_queue),
        cmocka_unit_test(a_working_creator_makes_no_phases),
    };

    return cmocka_run_group_tests_name("analyzer/profile/phases", tests, NULL, NULL);
}
