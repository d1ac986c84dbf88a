/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "analyzer/current.h"
#include "analyzer/lanes.h"
#include "analyzer/metrics.h"
#include "cases.h"
#include "metrics_of.h"

static void names_and_units_are_complete(void **state)
{
    (void)state;
    for (int i = 0; i < METRIC_COUNT; i++) {
        enum metric metric;

        assert_int_equal(metrics_from_str(metrics_name((enum metric)i), &metric), 0);
        assert_int_equal(metric, i);
        assert_true(strlen(metrics_unit(metric)) > 0);
    }
    assert_int_equal(metrics_from_str("luck", &(enum metric){0}), -EINVAL);
}

/* Four threads that share the lock fairly: a quarter runs, three quarters wait; the joining main thread is no work. */
static void joining_and_idling_are_left_out(void **state)
{
    struct measurement *m = case_gil_threads(4, 500 * MS, 1500 * MS);
    struct metrics before = metrics_of(m), after;
    size_t parked;

    (void)state;
    near(before.value[METRIC_GIL_WAIT_SHARE], 6000.0 / 8030.0);
    near(before.value[METRIC_LANES_WORKING], 4.0);
    measurement_free(m);

    m = build_new(RUNTIME_CPYTHON, 4);
    build_repeat(m, build_lane(m, 100, 100, 0), 1, 30 * MS, 0, CAUSE_OTHER, 0);
    for (int i = 0; i < 4; i++)
        build_repeat(m, build_lane(m, 100, 101 + i, 30 * MS), 50, 10 * MS, 0, CAUSE_INTERPRETER_LOCK, 30 * MS);
    parked = build_lane(m, 100, 200, 30 * MS);
    build_wait(m, parked, CAUSE_HANDOFF, 2000 * MS);
    parked = build_lane(m, 100, 201, 30 * MS);
    build_wait(m, parked, CAUSE_IDLE, 2000 * MS);
    parked = build_lane(m, 100, 202, 30 * MS);
    build_repeat(m, parked, 10, 200 * MS, 0, CAUSE_OTHER, 0);
    m->threads[parked].runtime_internal = true;
    build_finish(m, 0.0);
    after = metrics_of(m);
    near(after.value[METRIC_GIL_WAIT_SHARE], before.value[METRIC_GIL_WAIT_SHARE]);
    near(after.value[METRIC_LANES_WORKING], 4.0);
    measurement_free(m);
}

/* A request is one long wait and crumbs: only the long ones count. */
static void crumbs_are_not_counted_as_waits(void **state)
{
    struct measurement *m = build_new(RUNTIME_CPYTHON, 4);
    size_t lane = build_lane(m, 100, 100, 0);
    struct metrics metrics;

    (void)state;
    for (int i = 0; i < 4; i++) {
        build_repeat(m, lane, 3, 1 * MS, 0, CAUSE_NETWORK, 50 * US);
        build_repeat(m, lane, 1, 1 * MS, 0, CAUSE_NETWORK, 100 * MS);
    }
    build_finish(m, 1.0);
    metrics = metrics_of(m);
    near(metrics.value[METRIC_EXTERNAL_WAITS], 4.0);
    near(metrics.value[METRIC_EXTERNAL_CONCURRENCY], 1.0);
    measurement_free(m);
}

/* Half a second of imports, then waits with next to no CPU between them. */
static void start_up_is_not_work_between_waits(void **state)
{
    struct measurement *m = build_new(RUNTIME_CPYTHON, 4);
    size_t lane = build_lane(m, 100, 100, 0);
    struct metrics metrics;

    (void)state;
    build_repeat(m, lane, 1, 500 * MS, 0, CAUSE_NETWORK, 50 * MS);
    build_repeat(m, lane, 19, 1 * MS, 0, CAUSE_NETWORK, 50 * MS);
    build_finish(m, 1.0);
    metrics = metrics_of(m);
    near(metrics.value[METRIC_WORK_CPU_SHARE], 19.0 / 1019.0);
    near(metrics.value[METRIC_CPU_CORES_BUSY], 519.0 / 1519.0);
    measurement_free(m);
}

/* gunicorn's arbiter sleeps in seconds while the workers work; a program that only sleeps, waits. */
static void a_ticker_beside_work_does_not_wait(void **state)
{
    struct measurement *m = build_new(RUNTIME_CPYTHON, 4);

    (void)state;
    build_repeat(m, build_lane(m, 100, 100, 0), 20, 100 * US, 0, CAUSE_SLEEP, 100 * MS);
    build_repeat(m, build_lane(m, 101, 101, 0), 1, 2000 * MS, 0, CAUSE_OTHER, 0);
    build_finish(m, 1.0);
    near(metrics_of(m).value[METRIC_EXTERNAL_WAIT_SHARE], 0.0);
    measurement_free(m);

    m = build_new(RUNTIME_CPYTHON, 4);
    build_repeat(m, build_lane(m, 100, 100, 0), 20, 100 * US, 0, CAUSE_SLEEP, 100 * MS);
    build_finish(m, 1.0);
    assert_true(metrics_of(m).value[METRIC_EXTERNAL_WAIT_SHARE] > 0.99);
    measurement_free(m);
}

/* Waiters that wake each other at one address queue for a lock; a producer that never waits there feeds a queue. */
static void lock_objects_are_told_from_queues(void **state)
{
    struct measurement *m = build_new(RUNTIME_CPYTHON, 4);

    (void)state;
    build_repeat(m, build_lane(m, 100, 100, 0), 1, 30 * MS, 0, CAUSE_OTHER, 0);
    build_handoff(m, build_lane(m, 100, 101, 0), 100, 5 * MS, CAUSE_HANDOFF, 5 * MS, 0x1000, 102);
    build_handoff(m, build_lane(m, 100, 102, 0), 100, 5 * MS, CAUSE_HANDOFF, 5 * MS, 0x1000, 101);
    build_finish(m, 0.0);
    near(metrics_of(m).value[METRIC_LOCK_WAIT_SHARE], 1000.0 / 2030.0);
    near(metrics_of(m).value[METRIC_MESSAGE_SHARE], 0.0);
    measurement_free(m);

    m = build_new(RUNTIME_CPYTHON, 4);
    build_repeat(m, build_lane(m, 100, 100, 0), 1, 30 * MS, 0, CAUSE_OTHER, 0);
    build_handoff(m, build_lane(m, 100, 101, 0), 100, 5 * MS, CAUSE_HANDOFF, 5 * MS, 0x1000, 100);
    build_handoff(m, build_lane(m, 100, 102, 0), 100, 5 * MS, CAUSE_HANDOFF, 5 * MS, 0x1000, 100);
    build_finish(m, 0.0);
    near(metrics_of(m).value[METRIC_LOCK_WAIT_SHARE], 0.0);
    assert_true(metrics_of(m).value[METRIC_MESSAGE_SHARE] > 0.4);
    measurement_free(m);
}

/* multiprocessing.Queue waits on semaphores in shared memory. */
static void a_hand_off_from_another_process_is_ipc(void **state)
{
    struct measurement *m = build_new(RUNTIME_CPYTHON, 4);

    (void)state;
    build_handoff(m, build_lane(m, 100, 100, 0), 100, 5 * MS, CAUSE_HANDOFF, 5 * MS, 0x1000, 101);
    build_handoff(m, build_lane(m, 101, 101, 0), 100, 5 * MS, CAUSE_HANDOFF, 5 * MS, 0x1000, 100);
    build_finish(m, 0.0);
    near(metrics_of(m).value[METRIC_IPC_SHARE], 0.5);
    near(metrics_of(m).value[METRIC_LOCK_WAIT_SHARE], 0.0);
    measurement_free(m);
}

/* The same convoy on a crowded machine: neighbours lengthen the run queue, not the share of the lock. */
static void the_run_queue_dilutes_no_share(void **state)
{
    struct measurement *m = build_new(RUNTIME_NATIVE, 4);

    (void)state;
    build_repeat(m, build_lane(m, 100, 100, 0), 1, 1 * MS, 0, CAUSE_OTHER, 0);
    for (int i = 0; i < 4; i++)
        build_repeat(m, build_lane(m, 100, 101 + i, 0), 100, 1 * MS, 8 * MS, CAUSE_LOCK, 1 * MS);
    build_finish(m, 0.0);
    near(metrics_of(m).value[METRIC_LOCK_WAIT_SHARE], 400.0 / 801.0);
    measurement_free(m);
}

/* Of a lock that could not be located, samples say nothing; that threads never ran at once does. */
static void an_unknown_lock_shows_in_how_many_run_at_once(void **state)
{
    struct measurement *m = case_serial_cpu(RUNTIME_RUBY, 1000 * MS);
    uint64_t alone[] = {0, 1000 * MS, 0}, together[] = {0, 200 * MS, 400 * MS};

    (void)state;
    m->cpu_samples = 100;
    m->lock_held_samples = 0;
    m->target.runtime.interpreter_lock = INTERPRETER_LOCK_PRESENT;
    assert_true(metrics_of(m).value[METRIC_LOCK_HELD_CPU_SHARE] < 0.01);
    m->target.runtime.interpreter_lock = INTERPRETER_LOCK_UNKNOWN;
    free(m->parallelism_ns);
    m->parallelism_ns = alone;
    m->n_parallelism = 3;
    near(metrics_of(m).value[METRIC_LOCK_HELD_CPU_SHARE], 1.0);
    m->parallelism_ns = together;
    near(metrics_of(m).value[METRIC_LOCK_HELD_CPU_SHARE], 0.6);
    m->parallelism_ns = NULL;
    m->n_parallelism = 0;
    measurement_free(m);
}

/* What is won pays for the program's whole life, as far as that is known: its share is that of what was seen. */
static void a_program_attached_to_had_a_life_before(void **state)
{
    struct measurement *m = case_gil_threads(4, 200 * NSEC_PER_MSEC, 600 * NSEC_PER_MSEC);
    struct metrics whole = metrics_of(m), part;

    (void)state;
    m->target.attached = true;
    part = metrics_of(m);
    near(part.value[METRIC_POTENTIAL_GAIN_NS], whole.value[METRIC_POTENTIAL_GAIN_NS]);
    m->target.ran_before_ns = 9 * m->wall_ns;
    part = metrics_of(m);
    assert_true(whole.value[METRIC_POTENTIAL_GAIN_NS] > 0);
    near(part.value[METRIC_POTENTIAL_GAIN_NS], 10 * whole.value[METRIC_POTENTIAL_GAIN_NS]);
    near(part.value[METRIC_POTENTIAL_GAIN_SHARE], whole.value[METRIC_POTENTIAL_GAIN_SHARE]);
    measurement_free(m);
}

/* Forked copies count with their private pages, programs of their own with everything; only what lives at once adds. */
static void memory_is_counted_once(void **state)
{
    struct measurement *m = build_new(RUNTIME_NATIVE, 4);

    (void)state;
    m->machine.memory_limit_bytes = UINT64_C(1) << 30;
    build_repeat(m, build_lane(m, 100, 100, 0), 1, 1000 * MS, 0, CAUSE_OTHER, 0);
    build_repeat(m, build_lane(m, 101, 101, 0), 1, 100 * MS, 0, CAUSE_OTHER, 0);
    build_repeat(m, build_lane(m, 102, 102, 0), 1, 100 * MS, 0, CAUSE_OTHER, 0);
    build_repeat(m, build_lane(m, 103, 103, 500 * MS), 1, 100 * MS, 0, CAUSE_OTHER, 0);
    for (int i = 0; i < 4; i++)
        m->processes[i].peak_rss_bytes = 100 << 20;
    m->processes[1].private_bytes = 10 << 20;
    m->processes[2].execed = true;
    m->processes[3].private_bytes = 20 << 20;
    build_finish(m, 0.0);
    near(metrics_of(m).value[METRIC_MEMORY_DEMAND_BYTES], 210 << 20);
    near(metrics_of(m).value[METRIC_MEMORY_SHARE], 210.0 / 1024.0);
    measurement_free(m);
}

static enum model current_of(const struct measurement *m, uint32_t *ret_workers)
{
    struct lanes *lanes = NULL;
    struct metrics metrics;
    enum model model;

    assert_int_equal(lanes_new(m, &lanes), 0);
    assert_int_equal(metrics_compute(m, lanes, 0, &metrics), 0);
    model = current_detect(lanes, &metrics, ret_workers);
    lanes_free(lanes);
    return model;
}

static void the_parent_of_a_pool_is_no_worker(void **state)
{
    struct measurement *m = build_new(RUNTIME_CPYTHON, 8);
    size_t parent = build_lane(m, 100, 100, 0);
    uint32_t workers = 0;

    (void)state;
    build_repeat(m, parent, 1, 300 * MS, 0, CAUSE_HANDOFF, 1700 * MS);
    for (int i = 0; i < 4; i++)
        build_repeat(m, build_lane(m, 101 + i, 101 + i, 100 * MS), 1, 1500 * MS, 0, CAUSE_OTHER, 0);
    build_finish(m, 0.0);
    assert_int_equal(current_of(m, &workers), MODEL_PROCESSES);
    assert_int_equal(workers, 4);
    measurement_free(m);
}

/* Feeder threads that out-work a pool of processes with tiny items do not make it a pool of threads. */
static void feeders_of_a_pool_are_no_workers(void **state)
{
    for (int items_of_its_own = 0; items_of_its_own < 2; items_of_its_own++) {
        struct measurement *m = build_new(RUNTIME_CPYTHON, 8);
        uint32_t workers = 0;

        (void)state;
        for (int i = 0; i < 3; i++)
            build_repeat(m, build_lane(m, 100, 100 + i, 0), items_of_its_own ? 4 : 4000,
                         items_of_its_own ? 100 * MS : 100 * US, 0, CAUSE_HANDOFF,
                         items_of_its_own ? 100 * MS : 100 * US);
        for (int i = 0; i < 2; i++)
            build_repeat(m, build_lane(m, 110 + i, 110 + i, 10 * MS), 4000, 20 * US, 0, CAUSE_IPC, 170 * US);
        build_finish(m, 0.0);
        assert_int_equal(current_of(m, &workers), items_of_its_own ? MODEL_THREADS : MODEL_PROCESSES);
        assert_int_equal(workers, items_of_its_own ? 3 : 2);
        measurement_free(m);
    }
}

static void loops_in_several_processes_are_the_hybrid(void **state)
{
    struct measurement *m = build_new(RUNTIME_CPYTHON, 8);
    uint32_t workers = 0;

    (void)state;
    for (int i = 0; i < 3; i++) {
        size_t lane = build_lane(m, 100 + i, 100 + i, 0);

        build_repeat(m, lane, 40, 20 * MS, 0, CAUSE_NETWORK, 20 * MS);
        build_loop(m, lane, "uvloop")->busy_cpu_ns = 800 * MS;
    }
    build_finish(m, 3.0);
    assert_int_equal(current_of(m, &workers), MODEL_PROCESSES_COROUTINES);
    assert_int_equal(workers, 3);
    measurement_free(m);
}

static void threads_one_after_another_are_still_threads(void **state)
{
    struct measurement *m = build_new(RUNTIME_NATIVE, 4);
    uint32_t workers = 0;

    (void)state;
    build_repeat(m, build_lane(m, 100, 100, 0), 1, 10 * MS, 0, CAUSE_OTHER, 0);
    for (unsigned i = 0; i < 40; i++)
        build_repeat(m, build_lane(m, 100, (int32_t)(101 + i), (10 + 10 * i) * MS), 1, 10 * MS, 0, CAUSE_OTHER, 0);
    build_finish(m, 0.0);
    assert_int_equal(current_of(m, &workers), MODEL_THREADS);
    assert_int_equal(workers, 1);
    measurement_free(m);
}

/* `head | sha256sum`: one computes for `cpu_ns` a second, the other waits for room a thousand times. */
static double ipc_share_of_pipe(uint64_t cpu_ns, uint64_t bytes)
{
    struct measurement *m = build_new(RUNTIME_NATIVE, 4);
    double share;

    build_repeat(m, build_lane(m, 100, 100, 0), 1000, cpu_ns / 1000, 0, CAUSE_SLEEP, (1000 * MS - cpu_ns) / 1000);
    build_repeat(m, build_lane(m, 101, 101, 0), 1000, MS / 10, 0, CAUSE_IPC, MS * 9 / 10);
    build_finish(m, 0.0);
    m->processes[0].written_bytes = bytes;
    share = metrics_of(m).value[METRIC_IPC_SHARE];
    measurement_free(m);
    return share;
}

static void waiting_for_room_in_a_stream_is_no_chatter(void **state)
{
    (void)state;
    assert_true(ipc_share_of_pipe(850 * MS, 1000 * 9000) == 0.0);
    assert_true(ipc_share_of_pipe(850 * MS, 1000 * 7000) > 0.3);
    assert_true(ipc_share_of_pipe(750 * MS, 1000 * 9000) > 0.3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waiting_for_room_in_a_stream_is_no_chatter),
        cmocka_unit_test(names_and_units_are_complete),
        cmocka_unit_test(joining_and_idling_are_left_out),
        cmocka_unit_test(crumbs_are_not_counted_as_waits),
        cmocka_unit_test(start_up_is_not_work_between_waits),
        cmocka_unit_test(a_ticker_beside_work_does_not_wait),
        cmocka_unit_test(lock_objects_are_told_from_queues),
        cmocka_unit_test(a_hand_off_from_another_process_is_ipc),
        cmocka_unit_test(the_run_queue_dilutes_no_share),
        cmocka_unit_test(an_unknown_lock_shows_in_how_many_run_at_once),
        cmocka_unit_test(a_program_attached_to_had_a_life_before),
        cmocka_unit_test(memory_is_counted_once),
        cmocka_unit_test(the_parent_of_a_pool_is_no_worker),
        cmocka_unit_test(feeders_of_a_pool_are_no_workers),
        cmocka_unit_test(loops_in_several_processes_are_the_hybrid),
        cmocka_unit_test(threads_one_after_another_are_still_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
