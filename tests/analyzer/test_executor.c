/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "analyzer/current.h"
#include "analyzer/executor.h"
#include "analyzer/lanes.h"
#include "analyzer/metrics.h"
#include "base/base.h"
#include "probe/measurement.h"
#include "tests/analyzer/executors.h"
#include "tests/analyzer/synthetic.h"

static struct executor executor_of(const struct measurement *m)
{
    struct executor executor;

    executor_find(m, &executor);
    return executor;
}

static void a_loop_with_threads_behind_it_is_found(void **state)
{
    CLEANUP(measurement_freep) struct measurement *m = executor_measured();
    struct executor executor = executor_of(m);

    (void)state;
    assert_ptr_equal(executor.loop, &m->loops[0]);
    assert_ptr_equal(executor.thread, &m->threads[0]);
    assert_int_equal(executor.threads, 2);
    assert_int_equal(executor.first_ns, 50 * MS);
    assert_int_equal(executor.last_ns, 110 * MS);
    assert_true(executor.waits_ns == 8.0 * 60 * MS);
    assert_true(executor.at_once == 8.0);
}

static void such_a_program_counts_as_coroutines(void **state)
{
    CLEANUP(measurement_freep) struct measurement *m = executor_measured();
    CLEANUP(lanes_freep) struct lanes *lanes = NULL;
    struct metrics metrics;
    uint32_t workers;

    (void)state;
    synthetic_finish(m);
    assert_int_equal(lanes_new(m, &lanes), 0);
    assert_int_equal(metrics_compute(m, lanes, 0, &metrics), 0);
    assert_int_equal(current_detect(lanes, &metrics, &workers), MODEL_COROUTINES);
    assert_int_equal(workers, 8);
}

/* What was seen at the loop goes first; without any look, each item's connection was open as long as the loop waited.
 */
static void waits_are_taken_from_what_was_seen(void **state)
{
    CLEANUP(measurement_freep) struct measurement *m = executor_measured();

    (void)state;
    m->loops[0].wait_ns = 200 * MS; /* its own 60 ms, and for the threads */
    m->loops[0].outstanding_max = 9;
    m->loops[0].outstanding_mean = 1.5;
    m->loops[0].sleepers_mean = 1.0;
    assert_true(executor_of(m).waits_ns == 2.5 * 200 * MS);
    m->loops[0].outstanding_max = 0;
    m->loops[0].sleepers_mean = 0.0;
    m->processes[0].max_connections = 0;
    assert_true(executor_of(m).waits_ns == 0.0);
    assert_true(executor_of(m).at_once == 0.0);
    m->peers = calloc(1, sizeof(*m->peers));
    assert_non_null(m->peers);
    m->n_peers = 1;
    m->peers[0].pid = 1;
    m->peers[0].connects = 8;
    assert_true(executor_of(m).waits_ns == 8.0 * 60 * MS);
    m->peers[0].connects = 2; /* they stayed open: eight items took turns */
    assert_true(executor_of(m).waits_ns == 0.0);
}

/* Each line spoils one sign of it. */
static void other_programs_are_none(void **state)
{
    (void)state;
    for (int i = 0; i < 6; i++) {
        CLEANUP(measurement_freep) struct measurement *m = executor_measured();

        if (i == 0) /* a loop of another kind */
            (void)snprintf(m->loops[0].kind, sizeof(m->loops[0].kind), "libuv");
        else if (i == 1) /* its threads wait outside themselves */
            m->threads[1].blocked_ns[CAUSE_NETWORK] = 100 * MS;
        else if (i == 2) /* they are somebody else's */
            m->threads[1].parent_tid = m->threads[2].parent_tid = 99;
        else if (i == 3) /* the loop hears nothing of them */
            m->wakers[0].count = m->wakers[1].count = 0;
        else if (i == 4) /* it does more than they */
            m->loops[0].busy_cpu_ns = 400 * MS;
        else /* they look up a name */
            m->threads[1].on_cpu_ns = m->threads[2].on_cpu_ns = 2 * MS;
        assert_null(executor_of(m).loop);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_loop_with_threads_behind_it_is_found),
        cmocka_unit_test(such_a_program_counts_as_coroutines),
        cmocka_unit_test(waits_are_taken_from_what_was_seen),
        cmocka_unit_test(other_programs_are_none),
    };

    return cmocka_run_group_tests_name("analyzer/executor", tests, NULL, NULL);
}
