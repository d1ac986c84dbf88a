/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "paths.h"

static void a_serial_program_is_its_own_path(void **state)
{
    struct measurement *m = paths_new();
    size_t lane = synthetic_thread(m, MAIN, MAIN, 0, 0);
    struct critical_path path;

    (void)state;
    for (int i = 0; i < 10; i++) {
        synthetic_slice(m, lane, 30 * MS, 60 * MS, CAUSE_NETWORK);
        paths_ready_for(m, lane, 10 * MS);
    }
    synthetic_finish(m);
    path = paths_of(m);
    assert_int_equal(path.wall_ns, 1000 * MS);
    assert_int_equal(path.n_parts, 3);
    assert_int_equal(paths_on_cpu(&path, MAIN), 300 * MS);
    assert_int_equal(paths_part(&path, MAIN, PATH_RUN_QUEUE, CAUSE_OTHER), 100 * MS);
    assert_int_equal(paths_part(&path, MAIN, PATH_BLOCKED, CAUSE_NETWORK), 600 * MS);
    assert_string_equal(path.parts[0].who, "main");
    assert_int_equal(path.hops, 0);
    assert_int_equal(path.n_stays, 1);
    assert_int_equal(path.stays[0].state_ns, 600 * MS);
    assert_false(path.approximate);
    paths_done(m, &path);
}

/* They take turns: the time each works is the other's wait, so no wait is on the path. */
static void a_producer_and_its_consumer_alternate(void **state)
{
    struct measurement *m = paths_new();
    size_t producer = synthetic_thread(m, MAIN, MAIN, 0, 0), consumer;
    struct critical_path path;

    (void)state;
    synthetic_slice(m, producer, 10 * MS, 0, CAUSE_OTHER);
    consumer = synthetic_thread(m, 101, MAIN, MAIN, 10 * MS);
    for (unsigned i = 0; i < 20; i++) {
        /* The producer works while the consumer waits, and the other way round. */
        synthetic_woken_slice(m, consumer, i ? 30 * MS : 0, 20 * MS, CAUSE_HANDOFF, MAIN);
        paths_woken_at(m, consumer, 10 * MS + (i + 1) * 20 * MS);
        synthetic_woken_slice(m, producer, 20 * MS, 30 * MS, CAUSE_HANDOFF, 101);
        paths_woken_at(m, producer, (i + 1) * 30 * MS);
    }
    synthetic_slice(m, consumer, 30 * MS, 0, CAUSE_OTHER);
    synthetic_finish(m);
    path = paths_of(m);
    assert_int_equal(path.wall_ns, 10 * MS + 20 * 50 * MS);
    assert_int_equal(paths_on_cpu(&path, MAIN), 10 * MS + 20 * 20 * MS);
    assert_int_equal(paths_on_cpu(&path, 101), 20 * 30 * MS);
    assert_int_equal(path.n_parts, 2);
    assert_true(path.hops >= 39);
    assert_false(path.approximate);
    paths_done(m, &path);
}

/* One slice that is missing shifts the rest of a thread: the CPU time at each wake-up still says where it was. */
static void a_missing_slice_leads_nobody_astray(void **state)
{
    struct measurement *m = paths_new();
    size_t producer = synthetic_thread(m, MAIN, MAIN, 0, 0), consumer = synthetic_thread(m, 101, MAIN, MAIN, 0);
    struct thread *t = &m->threads[consumer];
    struct critical_path path;

    (void)state;
    for (unsigned i = 0; i < 40; i++) {
        synthetic_woken_slice(m, consumer, i ? 3 * MS : 0, 2 * MS, CAUSE_HANDOFF, MAIN);
        paths_woken_at(m, consumer, (i + 1) * 2 * MS);
        synthetic_woken_slice(m, producer, 2 * MS, 3 * MS, CAUSE_HANDOFF, 101);
        paths_woken_at(m, producer, (i + 1) * 3 * MS);
        if (i == 20) {
            /* Both wait for the network for 10 ms; the consumer's slice gets lost. */
            synthetic_slice(m, producer, 0, 10 * MS, CAUSE_NETWORK);
            t->blocked_ns[CAUSE_NETWORK] += 10 * MS;
            t->death_ns += 10 * MS;
        }
    }
    synthetic_slice(m, consumer, 3 * MS, 0, CAUSE_OTHER);
    synthetic_finish(m);
    path = paths_of(m);
    assert_int_equal(paths_on_cpu(&path, MAIN), 40 * 2 * MS);
    assert_int_equal(paths_on_cpu(&path, 101), 40 * 3 * MS);
    assert_int_equal(paths_part(&path, MAIN, PATH_BLOCKED, CAUSE_NETWORK), 10 * MS);
    assert_int_equal(paths_part(&path, 101, PATH_BLOCKED, CAUSE_HANDOFF), 0);
    paths_done(m, &path);
}

/* Main starts workers and joins them: the path is main, the slowest worker, main. */
static void a_joined_pool_is_as_slow_as_its_slowest(void **state)
{
    struct measurement *m = paths_new();
    size_t lane = synthetic_thread(m, MAIN, MAIN, 0, 0);
    struct critical_path path;

    (void)state;
    synthetic_slice(m, lane, 50 * MS, 100 * MS, CAUSE_JOIN);
    m->threads[lane].slices[0].waker_tid = 101;
    paths_woken_at(m, lane, 60 * MS);
    synthetic_woken_slice(m, lane, 0, 300 * MS, CAUSE_JOIN, 103);
    paths_woken_at(m, lane, 250 * MS);
    synthetic_slice(m, lane, 70 * MS, 0, CAUSE_OTHER);
    for (int i = 0; i < 3; i++) {
        size_t worker = synthetic_thread(m, 101 + i, MAIN, MAIN, 50 * MS);

        (void)snprintf(m->threads[worker].name, sizeof(m->threads[0].name), "worker-%d", i + 1);
        /* 100, 200 and 400 ms of life; the slowest is on a CPU for 250 of them. */
        synthetic_slice(m, worker, i == 2 ? 100 * MS : 40 * MS, i == 2 ? 150 * MS : 40 * MS, CAUSE_NETWORK);
        synthetic_slice(m, worker, i == 2 ? 150 * MS : i == 1 ? 120 * MS : 20 * MS, 0, CAUSE_OTHER);
    }
    synthetic_finish(m);
    path = paths_of(m);
    assert_int_equal(path.wall_ns, 520 * MS);
    assert_int_equal(paths_on_cpu(&path, MAIN), 120 * MS);
    assert_int_equal(paths_on_cpu(&path, 103), 250 * MS);
    assert_int_equal(paths_part(&path, 103, PATH_BLOCKED, CAUSE_NETWORK), 150 * MS);
    assert_int_equal(path.n_parts, 3);
    assert_string_equal(path.parts[0].who, "worker-3");
    assert_int_equal(path.hops, 2);
    assert_int_equal(path.n_stays, 3);
    assert_int_equal(path.stays[1].tid, 103);
    assert_int_equal(path.stays[1].from_ns, 50 * MS);
    assert_int_equal(path.stays[1].to_ns, 450 * MS);
    assert_false(path.approximate);
    paths_done(m, &path);
}

/* A worker that had nothing to do is not what the run waited for: whoever was late to give it work is. */
static void an_idle_worker_leads_to_who_gave_it_work(void **state)
{
    struct measurement *m = paths_new();
    size_t lane = synthetic_thread(m, MAIN, MAIN, 0, 0), worker;
    struct critical_path path;

    (void)state;
    synthetic_slice(m, lane, 10 * MS, 200 * MS, CAUSE_SLEEP);
    synthetic_woken_slice(m, lane, 20 * MS, 50 * MS, CAUSE_JOIN, 101);
    paths_woken_at(m, lane, 50 * MS);
    synthetic_slice(m, lane, 5 * MS, 0, CAUSE_OTHER);
    worker = synthetic_thread(m, 101, MAIN, MAIN, 0);
    synthetic_woken_slice(m, worker, 0, 230 * MS, CAUSE_IDLE, MAIN);
    paths_woken_at(m, worker, 30 * MS);
    synthetic_slice(m, worker, 50 * MS, 0, CAUSE_OTHER);
    synthetic_finish(m);
    path = paths_of(m);
    assert_int_equal(paths_part(&path, 101, PATH_BLOCKED, CAUSE_IDLE), 0);
    assert_int_equal(paths_part(&path, MAIN, PATH_BLOCKED, CAUSE_SLEEP), 200 * MS);
    assert_int_equal(paths_on_cpu(&path, 101), 50 * MS);
    paths_done(m, &path);
}

/* Four threads, one lock, held for 10 ms each time: what is on the path is work under the lock, no wait for it. */
static void a_convoy_is_made_of_its_holders(void **state)
{
    struct measurement *m = paths_new();
    size_t lanes[4], main_lane = synthetic_thread(m, MAIN, MAIN, 0, 0);
    uint64_t cpu[4] = {0}, locked = 0;
    struct critical_path path;

    (void)state;
    for (int i = 0; i < 4; i++) {
        lanes[i] = synthetic_thread(m, 101 + i, MAIN, MAIN, 0);
        if (i > 0) {
            synthetic_woken_slice(m, lanes[i], 0, (uint64_t)i * 10 * MS, CAUSE_LOCK, 100 + i);
            paths_woken_at(m, lanes[i], 10 * MS);
        }
    }
    for (int round = 0; round < 25; round++) {
        for (int i = 0; i < 4; i++) {
            cpu[i] += 10 * MS;
            if (round == 24) {
                synthetic_slice(m, lanes[i], 10 * MS, 0, CAUSE_OTHER);
                continue;
            }
            synthetic_woken_slice(m, lanes[i], 10 * MS, 30 * MS, CAUSE_LOCK, i > 0 ? 100 + i : 104);
            paths_woken_at(m, lanes[i], cpu[i] + (i > 0 ? 10 * MS : 0));
        }
    }
    synthetic_woken_slice(m, main_lane, 0, 1000 * MS, CAUSE_JOIN, 104);
    paths_woken_at(m, main_lane, 250 * MS);
    synthetic_finish(m);
    path = paths_of(m);
    assert_int_equal(path.wall_ns, 1000 * MS);
    for (size_t i = 0; i < path.n_parts; i++)
        if (path.parts[i].state == PATH_ON_CPU)
            locked += path.parts[i].time_ns;
    assert_int_equal(locked, 1000 * MS);
    assert_true(path.hops >= 99);
    assert_int_equal(path.parts[0].threads, 4);
    assert_false(path.approximate);
    paths_done(m, &path);
}

/* A thread that is ready but gets no CPU has itself to thank, not the one that woke it. */
static void the_run_queue_after_a_wait_is_on_the_path(void **state)
{
    struct measurement *m = paths_new();
    size_t lane = synthetic_thread(m, MAIN, MAIN, 0, 0), worker = synthetic_thread(m, 101, MAIN, MAIN, 0);
    struct critical_path path;

    (void)state;
    synthetic_slice(m, worker, 100 * MS, 0, CAUSE_OTHER);
    synthetic_woken_slice(m, lane, 0, 100 * MS, CAUSE_JOIN, 101);
    paths_woken_at(m, lane, 100 * MS);
    paths_ready_for(m, lane, 40 * MS);
    synthetic_slice(m, lane, 60 * MS, 0, CAUSE_OTHER);
    synthetic_finish(m);
    path = paths_of(m);
    assert_int_equal(paths_on_cpu(&path, 101), 100 * MS);
    assert_int_equal(paths_part(&path, MAIN, PATH_RUN_QUEUE, CAUSE_OTHER), 40 * MS);
    assert_int_equal(paths_on_cpu(&path, MAIN), 60 * MS);
    paths_done(m, &path);
}

/* Preempted before it waited: when the waker acted tells that part of the run queue from the one after the wait. */
static void the_wakers_cpu_time_says_when_it_woke(void **state)
{
    struct measurement *m = paths_new();
    size_t lane = synthetic_thread(m, MAIN, MAIN, 0, 0), worker = synthetic_thread(m, 101, MAIN, MAIN, 0);
    struct critical_path path;

    (void)state;
    synthetic_slice(m, worker, 200 * MS, 0, CAUSE_OTHER);
    /* 20 ms on CPU, 30 ms preempted, 50 ms waiting, awake at 100 ms by the other's CPU clock, at once on a CPU */
    synthetic_woken_slice(m, lane, 20 * MS, 50 * MS, CAUSE_LOCK, 101);
    paths_woken_at(m, lane, 100 * MS);
    paths_ready_for(m, lane, 30 * MS);
    synthetic_slice(m, lane, 120 * MS, 0, CAUSE_OTHER);
    synthetic_finish(m);
    path = paths_of(m);
    assert_int_equal(paths_on_cpu(&path, 101), 100 * MS);
    assert_int_equal(paths_on_cpu(&path, MAIN), 120 * MS);
    assert_int_equal(path.n_parts, 2);
    paths_done(m, &path);
}

/*
 * CPython waits for its lock in portions of 5 ms. Where the last portion timed out just as the lock came free nobody
 * woke the thread; still it was the other one's work that it waited for.
 */
static void a_lock_wait_that_timed_out_leads_to_who_ran(void **state)
{
    struct measurement *m = paths_new();
    size_t lane = synthetic_thread(m, MAIN, MAIN, 0, 0), other = synthetic_thread(m, 101, MAIN, MAIN, 0);
    struct critical_path path;

    (void)state;
    synthetic_slice(m, other, 52 * MS, 60 * MS, CAUSE_NETWORK);
    for (int i = 0; i < 10; i++) {
        synthetic_slice(m, lane, i ? 5 * US : 0, 5 * MS, CAUSE_INTERPRETER_LOCK);
        paths_ready_for(m, lane, i == 9 ? 10 * US : 0);
    }
    synthetic_slice(m, lane, 60 * MS, 0, CAUSE_OTHER);
    synthetic_finish(m);
    path = paths_of(m);
    assert_int_equal(paths_on_cpu(&path, MAIN), 60 * MS);
    assert_int_equal(paths_on_cpu(&path, 101), 50 * MS + 45 * US);
    assert_int_equal(paths_part(&path, MAIN, PATH_BLOCKED, CAUSE_INTERPRETER_LOCK), 0);
    paths_done(m, &path);
}

static void waits_that_nobody_of_the_target_ended_stay(void **state)
{
    struct measurement *m = paths_new();
    size_t lane = synthetic_thread(m, MAIN, MAIN, 0, 0);
    struct critical_path path;

    (void)state;
    synthetic_slice(m, lane, 10 * MS, 90 * MS, CAUSE_LOCK);               /* timed out */
    synthetic_woken_slice(m, lane, 10 * MS, 90 * MS, CAUSE_HANDOFF, 999); /* a thread without a row */
    synthetic_woken_slice(m, lane, 10 * MS, 90 * MS, CAUSE_IPC, MAIN);    /* itself, by a signal handler */
    synthetic_finish(m);
    path = paths_of(m);
    assert_int_equal(paths_part(&path, MAIN, PATH_BLOCKED, CAUSE_LOCK), 90 * MS);
    assert_int_equal(paths_part(&path, MAIN, PATH_BLOCKED, CAUSE_HANDOFF), 90 * MS);
    assert_int_equal(paths_part(&path, MAIN, PATH_BLOCKED, CAUSE_IPC), 90 * MS);
    paths_done(m, &path);
}

static void missing_slices_are_unknown(void **state)
{
    struct measurement *m = paths_new();
    size_t lane = synthetic_thread(m, MAIN, MAIN, 0, 0);
    struct critical_path path;

    (void)state;
    synthetic_slice(m, lane, 300 * MS, 0, CAUSE_OTHER);
    m->threads[lane].death_ns += 700 * MS;
    m->threads[lane].unattributed_ns = 700 * MS;
    synthetic_finish(m);
    path = paths_of(m);
    assert_int_equal(paths_on_cpu(&path, MAIN), 300 * MS);
    assert_int_equal(paths_part(&path, MAIN, PATH_UNKNOWN, CAUSE_OTHER), 700 * MS);
    assert_true(path.approximate);
    paths_done(m, &path);
}

/* Lost slices are in the sums: what was done is known, its order and who woke whom is not. */
static void lost_slices_are_taken_from_the_sums(void **state)
{
    struct measurement *m = paths_new();
    size_t lane = synthetic_thread(m, MAIN, MAIN, 0, 0);
    struct critical_path path;

    (void)state;
    for (int i = 0; i < 10; i++) {
        synthetic_slice(m, lane, 40 * MS, 50 * MS, i & 1 ? CAUSE_DISK : CAUSE_NETWORK);
        paths_ready_for(m, lane, 10 * MS);
    }
    m->threads[lane].n_slices = 5;
    m->loss.slices_dropped = 5;
    synthetic_finish(m);
    path = paths_of(m);
    assert_int_equal(paths_on_cpu(&path, MAIN), 400 * MS);
    assert_int_equal(paths_part(&path, MAIN, PATH_BLOCKED, CAUSE_DISK), 250 * MS);
    assert_int_equal(paths_part(&path, MAIN, PATH_BLOCKED, CAUSE_NETWORK), 250 * MS);
    assert_int_equal(paths_part(&path, MAIN, PATH_RUN_QUEUE, CAUSE_OTHER), 100 * MS);
    assert_true(path.approximate);
    paths_done(m, &path);
}

static void merged_slices_are_approximate(void **state)
{
    struct measurement *m = paths_new();
    size_t lane = synthetic_thread(m, MAIN, MAIN, 0, 0);
    struct critical_path path;

    (void)state;
    synthetic_slice(m, lane, 40 * MS, 50 * MS, CAUSE_DISK);
    m->loss.decimation = 2;
    synthetic_finish(m);
    path = paths_of(m);
    assert_true(path.approximate);
    paths_done(m, &path);
}

/* Still measured while main waits for its workers: that wait has no end, so the path ends in the last that worked. */
static void an_open_join_is_no_end(void **state)
{
    struct measurement *m = paths_new();
    size_t lane = synthetic_thread(m, MAIN, MAIN, 0, 0), worker;
    struct critical_path path;

    (void)state;
    synthetic_slice(m, lane, 10 * MS, 0, CAUSE_OTHER);
    m->threads[lane].blocked_ns[CAUSE_JOIN] = 990 * MS;
    m->threads[lane].death_ns += 990 * MS;
    m->threads[lane].alive = true;
    worker = synthetic_thread(m, 101, MAIN, MAIN, 10 * MS);
    synthetic_slice(m, worker, 500 * MS, 400 * MS, CAUSE_NETWORK);
    synthetic_slice(m, worker, 90 * MS, 0, CAUSE_OTHER);
    m->threads[worker].alive = true;
    m->target.exited = false;
    synthetic_finish(m);
    path = paths_of(m);
    assert_int_equal(paths_on_cpu(&path, 101), 590 * MS);
    assert_int_equal(paths_part(&path, 101, PATH_BLOCKED, CAUSE_NETWORK), 400 * MS);
    assert_int_equal(paths_on_cpu(&path, MAIN), 10 * MS);
    assert_false(path.approximate);
    paths_done(m, &path);
}

/* Processes that main forks and waits for are followed like threads; the path names the process. */
static void children_are_followed(void **state)
{
    struct measurement *m = paths_new();
    size_t lane = synthetic_thread(m, MAIN, MAIN, 0, 0), child = synthetic_thread(m, 200, 200, MAIN, 10 * MS);
    struct critical_path path;

    (void)state;
    (void)synthetic_process(m, MAIN, 0);
    (void)synthetic_process(m, 200, MAIN);
    m->processes_total = 2;
    (void)snprintf(m->threads[child].name, sizeof(m->threads[0].name), "python3");
    synthetic_woken_slice(m, lane, 10 * MS, 190 * MS, CAUSE_JOIN, 200);
    paths_woken_at(m, lane, 190 * MS);
    synthetic_slice(m, child, 190 * MS, 0, CAUSE_OTHER);
    synthetic_finish(m);
    path = paths_of(m);
    assert_int_equal(paths_on_cpu(&path, 200), 190 * MS);
    assert_string_equal(path.parts[0].who, "python3 200");
    assert_string_equal(path.parts[1].who, "the main process");
    paths_done(m, &path);
}

/* Whatever a file says, there is an answer that adds up. */
static void nonsense_ends(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 300; seed++) {
        struct measurement *m = paths_new();
        uint64_t random = seed * UINT64_C(6364136223846793005);
        struct critical_path path;

        for (int t = 0; t < 6; t++) {
            size_t lane;

            random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
            lane = synthetic_thread(m, MAIN + t % 5, MAIN, MAIN + (int32_t)(random >> 33) % 6, (random >> 40) % 50);
            for (int i = 0; i < 40; i++) {
                random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
                synthetic_woken_slice(m, lane, (random >> 35) % 7, (random >> 40) % 9,
                                      (enum cause)((random >> 45) % CAUSE_COUNT), MAIN + (int32_t)((random >> 50) % 6));
                paths_woken_at(m, lane, (random >> 55) % 300);
                paths_ready_for(m, lane, (random >> 60) % 4);
            }
            /* Some of it lies: more slices than life, or less. */
            m->threads[lane].n_slices -= seed % 3 ? 0 : (size_t)t;
            if (seed % 5 == 0)
                m->threads[lane].slices[3].on_cpu_ns = UINT64_MAX - 2;
        }
        synthetic_finish(m);
        path = paths_of(m);
        assert_true(path.n_parts > 0);
        paths_done(m, &path);
    }
}

static void without_slices_there_is_no_path(void **state)
{
    struct measurement *m = paths_new();
    struct critical_path path;

    (void)state;
    path = paths_of(m);
    assert_int_equal(path.wall_ns, 0);
    critical_path_clear(&path);
    (void)synthetic_thread(m, MAIN, MAIN, 0, 0);
    m->threads[0].on_cpu_ns = m->threads[0].death_ns = 5 * MS;
    synthetic_finish(m);
    path = paths_of(m);
    assert_int_equal(path.wall_ns, 0);
    assert_int_equal(path.n_parts, 0);
    paths_done(m, &path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_serial_program_is_its_own_path),
        cmocka_unit_test(a_producer_and_its_consumer_alternate),
        cmocka_unit_test(a_missing_slice_leads_nobody_astray),
        cmocka_unit_test(a_joined_pool_is_as_slow_as_its_slowest),
        cmocka_unit_test(an_idle_worker_leads_to_who_gave_it_work),
        cmocka_unit_test(a_convoy_is_made_of_its_holders),
        cmocka_unit_test(the_run_queue_after_a_wait_is_on_the_path),
        cmocka_unit_test(the_wakers_cpu_time_says_when_it_woke),
        cmocka_unit_test(a_lock_wait_that_timed_out_leads_to_who_ran),
        cmocka_unit_test(waits_that_nobody_of_the_target_ended_stay),
        cmocka_unit_test(missing_slices_are_unknown),
        cmocka_unit_test(lost_slices_are_taken_from_the_sums),
        cmocka_unit_test(merged_slices_are_approximate),
        cmocka_unit_test(an_open_join_is_no_end),
        cmocka_unit_test(children_are_followed),
        cmocka_unit_test(nonsense_ends),
        cmocka_unit_test(without_slices_there_is_no_path),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
