/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "analyzer/lanes.h"
#include "builder.h"

/*
 * A master that started up, made its workers and waits for signals with a clock in its hand, as gunicorn's does: an
 * eighth of what a worker does, and still no worker. A worker that had little to do is one.
 */
static void a_master_that_waits_for_signals_is_no_worker(void **state)
{
    static const struct {
        int32_t parent_of_workers; /* 0: all are siblings, started by somebody else */
        bool substantial;
    } table[] = {{100, false}, {0, true}};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        struct measurement *m = build_new(RUNTIME_CPYTHON, 2);
        size_t master = build_lane(m, 100, 100, 0);
        struct lanes *lanes;

        build_repeat(m, master, 1, 250 * MS, 0, CAUSE_IDLE, 2250 * MS);
        for (int worker = 1; worker <= 2; worker++)
            build_repeat(m, build_lane(m, 100 + worker, 100 + worker, 250 * MS), 2000, MS, 0, CAUSE_IDLE, 100 * US);
        build_finish(m, 0.0);
        for (size_t process = 1; process < m->n_processes; process++)
            m->processes[process].parent_pid = table[i].parent_of_workers;
        assert_int_equal(lanes_new(m, &lanes), 0);
        assert_int_equal(lanes_find(lanes, 100)->leads, !table[i].substantial);
        assert_int_equal(lanes_find(lanes, 100)->substantial, table[i].substantial);
        assert_true(lanes_find(lanes, 101)->substantial && lanes_find(lanes, 102)->substantial);
        assert_false(lanes_find(lanes, 101)->leads);
        lanes_free(lanes);
        measurement_free(m);
    }
}

/* A parent that computes beside its children is a worker like them. */
static void a_parent_that_works_is_a_worker(void **state)
{
    struct measurement *m = build_new(RUNTIME_CPYTHON, 4);
    struct lanes *lanes;

    (void)state;
    build_repeat(m, build_lane(m, 100, 100, 0), 20, 60 * MS, 0, CAUSE_IDLE, 40 * MS);
    build_repeat(m, build_lane(m, 101, 101, 0), 20, 100 * MS, 0, CAUSE_IDLE, 0);
    build_finish(m, 0.0);
    m->processes[1].parent_pid = 100;
    assert_int_equal(lanes_new(m, &lanes), 0);
    assert_false(lanes_find(lanes, 100)->leads);
    assert_true(lanes_find(lanes, 100)->substantial);
    lanes_free(lanes);
    measurement_free(m);
}

/* A server's workers, of which one got all connections, stand by; a helper that serves nobody, or another program,
 * doesn't. */
static void a_worker_without_connections_is_one(void **state)
{
    static const struct {
        bool listens, execed;
        enum cause waits;
        bool stands_by;
    } table[] = {
        {true, false, CAUSE_IDLE, true},
        {false, false, CAUSE_IDLE, false},
        {true, true, CAUSE_IDLE, false},
        {true, false, CAUSE_IPC, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        struct measurement *m = build_new(RUNTIME_NATIVE, 2);
        struct lanes *lanes;

        build_repeat(m, build_lane(m, 100, 100, 0), 1, MS, 0, CAUSE_IDLE, 2000 * MS);
        build_repeat(m, build_lane(m, 101, 101, 0), 2000, 500 * US, 0, CAUSE_IDLE, 500 * US);
        build_repeat(m, build_lane(m, 102, 102, 0), 1, 10 * MS, 0, table[i].waits, 1990 * MS);
        build_finish(m, 0.0);
        for (size_t process = 1; process < 3; process++) {
            m->processes[process].parent_pid = 100;
            m->processes[process].listens = true;
        }
        m->processes[2].listens = table[i].listens;
        m->processes[2].execed = table[i].execed;
        assert_int_equal(lanes_new(m, &lanes), 0);
        assert_false(lanes_find(lanes, 100)->substantial);
        assert_true(lanes_find(lanes, 101)->substantial);
        assert_int_equal(lanes_find(lanes, 102)->substantial, table[i].stands_by);
        lanes_free(lanes);
        measurement_free(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_master_that_waits_for_signals_is_no_worker),
        cmocka_unit_test(a_parent_that_works_is_a_worker),
        cmocka_unit_test(a_worker_without_connections_is_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
