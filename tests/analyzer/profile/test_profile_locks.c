/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "analyzer/profile/profile.h"
#include "tests/analyzer/profile/checked.h"
#include "tests/analyzer/synthetic.h"

#define ADDRESS 0x1000
#define CYCLES 20
#define BEFORE (20 * US) /* CPU under the mutex before the wait there, */
#define AFTER (5 * US)   /* and after it, until it is let go */
#define REST (200 * US)  /* CPU of a cycle outside */

/*
 * `n` threads in turn under one mutex: 6 ms of waiting under it, 4 ms and some CPU outside, then a wait for the one
 * before to let go. The first of them finds it free each `free_every` cycles, and leaves no trace of taking it.
 */
static void take_turns(struct measurement *m, int32_t first_tid, int32_t n, enum cause cause, uint64_t address,
                       int free_every)
{
    for (int32_t k = 0; k < n; k++) {
        size_t t = synthetic_thread(m, first_tid + k, 1, 1, 1 * MS);
        int32_t waker = first_tid + (k + n - 1) % n;

        for (int c = 0; c < CYCLES; c++) {
            /* The one before let go in this cycle, or in the last one, for the first thread. */
            uint64_t cycles = (uint64_t)(k ? c : c - 1);
            bool found_free = k == 0 && (c == 0 || (free_every && c % free_every == 0));
            uint64_t cpu_ns = c ? REST : 0;

            if (!found_free)
                synthetic_queue_slice(m, t, cpu_ns, c ? 8 * MS : (uint64_t)k * 6 * MS, cause, address, waker,
                                      cycles * (BEFORE + AFTER + REST) + BEFORE + AFTER);
            synthetic_slice(m, t, BEFORE + (found_free ? cpu_ns : 0), 6 * MS, CAUSE_SLEEP);
            synthetic_slice(m, t, AFTER, 4 * MS, CAUSE_SLEEP);
        }
        synthetic_slice(m, t, REST, 0, CAUSE_OTHER);
    }
}

static struct measurement *with_main(enum cause cause)
{
    struct measurement *m = synthetic_new(4);

    if (cause == CAUSE_HANDOFF)
        synthetic_python(m);
    synthetic_thread(m, 1, 1, 0, 0);
    synthetic_slice(m, 0, 1 * MS, 400 * MS, CAUSE_JOIN);
    return m;
}

/* Both the kernel's mutexes and an interpreter's lock objects; waits under the mutex are, waits outside are not. */
static void sections_are_placed_by_who_woke_whom(void **state)
{
    static const enum cause causes[] = {CAUSE_LOCK, CAUSE_HANDOFF};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(causes); i++) {
        CLEANUP(measurement_freep) struct measurement *m = with_main(causes[i]);
        CLEANUP(profile_freep) struct profile *p = NULL;
        size_t under = 0, outside = 0;

        take_turns(m, 2, 3, causes[i], ADDRESS, 0);
        p = profile_checked(m);
        assert_int_equal(p->n_locks, 1);
        assert_int_equal(p->locks[0].address, ADDRESS);
        assert_int_equal(p->locks[0].pid, 1);
        for (size_t s = 0; s < p->n_steps; s++) {
            if (p->steps[s].wait_ns)
                assert_int_equal(p->steps[s].lock, p->steps[s].wait_ns == 6 * MS);
            under += p->steps[s].wait_ns && p->steps[s].lock;
            outside += p->steps[s].wait_ns && !p->steps[s].lock;
        }
        assert_int_equal(under, 3 * CYCLES);
        assert_int_equal(outside, 3 * CYCLES);
        /* One wait under it and one outside make one item. */
        assert_int_equal(p->n_items, 3 * CYCLES);
        assert_int_equal(p->dependence.lock_waits, 3 * CYCLES - 1);
        assert_in_range((uint64_t)(p->dependence.locked_share * 100), 57, 61);
        assert_int_equal(p->dependence.hand_offs, 0);
    }
}

/*
 * Three threads in turn under one mutex, computing all the time under an interpreter lock: who gets the mutex waits for
 * the interpreter lock before it goes on, while the one that let it go computes outside. Nobody ever finds the mutex
 * free, and yet only a third of the work is under it.
 */
static void an_owner_that_waits_for_the_interpreter_lock_does_no_work(void **state)
{
    CLEANUP(measurement_freep) struct measurement *m = with_main(CAUSE_HANDOFF);
    CLEANUP(profile_freep) struct profile *p = NULL;
    const uint64_t under_ns = 1 * MS, outside_ns = 2 * MS;

    (void)state;
    for (int32_t k = 0; k < 3; k++) {
        size_t t = synthetic_thread(m, 2 + k, 1, 1, 1 * MS);

        for (int c = 0; c < CYCLES; c++) {
            uint64_t cycles = (uint64_t)(k ? c : c - 1);

            if (k > 0 || c > 0)
                synthetic_queue_slice(m, t, c ? under_ns + outside_ns - 5 * US : 0,
                                      c ? 4 * MS : (uint64_t)k * 3 * MS + 1, CAUSE_HANDOFF, ADDRESS, 2 + (k + 2) % 3,
                                      cycles * (under_ns + outside_ns) + under_ns);
            synthetic_slice(m, t, 5 * US, k > 0 || c > 0 ? 2 * MS : 0, CAUSE_INTERPRETER_LOCK);
        }
        synthetic_slice(m, t, under_ns + outside_ns - 5 * US, 0, CAUSE_OTHER);
    }
    p = profile_checked(m);
    assert_int_equal(p->n_locks, 1);
    assert_in_range((uint64_t)(p->dependence.locked_share * 100), 31, 36);
}

/* Two mutexes have nothing to do with each other. */
static void mutexes_are_told_apart(void **state)
{
    CLEANUP(measurement_freep) struct measurement *m = with_main(CAUSE_LOCK);
    CLEANUP(profile_freep) struct profile *p = NULL;
    uint64_t under_ns[3] = {0};

    (void)state;
    take_turns(m, 2, 3, CAUSE_LOCK, ADDRESS, 0);
    take_turns(m, 5, 3, CAUSE_LOCK, 2 * ADDRESS, 0);
    p = profile_checked(m);
    assert_int_equal(p->n_locks, 2);
    assert_int_equal(p->locks[0].address + p->locks[1].address, 3 * ADDRESS);
    for (size_t i = 0; i < p->n_items; i++) {
        uint16_t lock = 0;

        for (size_t s = 0; s < p->items[i].n_steps; s++) {
            const struct profile_step *step = &p->steps[p->items[i].first_step + s];

            under_ns[step->lock] += step->wait_ns;
            if (step->lock && lock)
                assert_int_equal(step->lock, lock); /* no item is under both */
            lock = step->lock ? step->lock : lock;
        }
    }
    assert_int_equal(under_ns[1], 3 * CYCLES * 6 * MS);
    assert_int_equal(under_ns[2], 3 * CYCLES * 6 * MS);
    assert_int_equal(under_ns[0], 6 * CYCLES * 4 * MS);
}

/* A mutex that is found free leaves no trace; what is done under it looks the same, though. */
static void sections_without_a_trace_are_found_by_their_waits(void **state)
{
    CLEANUP(measurement_freep) struct measurement *m = with_main(CAUSE_LOCK);
    CLEANUP(profile_freep) struct profile *p = NULL;
    uint64_t under_ns = 0;

    (void)state;
    take_turns(m, 2, 3, CAUSE_LOCK, ADDRESS, 4);
    p = profile_checked(m);
    for (size_t s = 0; s < p->n_steps; s++)
        under_ns += p->steps[s].lock ? p->steps[s].wait_ns : 0;
    assert_int_equal(under_ns, 3 * CYCLES * 6 * MS);
}

/*
 * Two threads in turn, a short section and then 6 ms of waiting each. Each fourth time both find the mutex free:
 * nobody sees the first let it go and take it again, and it must not seem to hold it over its wait.
 */
static void a_mutex_is_not_held_from_one_cycle_to_the_next(void **state)
{
    CLEANUP(measurement_freep) struct measurement *m = with_main(CAUSE_LOCK);
    CLEANUP(profile_freep) struct profile *p = NULL;
    size_t t;

    (void)state;
    for (int32_t k = 0; k < 2; k++) {
        t = synthetic_thread(m, 2 + k, 1, 1, 1 * MS);
        for (int c = 0; c < CYCLES; c++) {
            uint64_t cycles = (uint64_t)(k ? c : c - 1), before_ns = c ? REST : 0;
            bool found_free = k == 0 ? c % 4 == 0 : c % 4 == 3;

            if (!found_free)
                synthetic_queue_slice(m, t, before_ns, 2 * MS, CAUSE_LOCK, ADDRESS, 3 - k,
                                      cycles * (BEFORE + REST) + BEFORE);
            synthetic_slice(m, t, BEFORE + (found_free ? before_ns : 0), (found_free ? 8 : 6) * MS, CAUSE_SLEEP);
        }
        synthetic_slice(m, t, REST, 0, CAUSE_OTHER);
    }
    p = profile_checked(m);
    assert_int_equal(p->n_locks, 1);
    for (size_t s = 0; s < p->n_steps; s++)
        assert_false(p->steps[s].lock && p->steps[s].wait_ns);
    assert_true(p->dependence.locked_share > 0 && p->dependence.locked_share < 0.05);
}

/* Waits too few to matter are no structure. */
static void rare_waits_are_no_mutex(void **state)
{
    CLEANUP(measurement_freep) struct measurement *m = with_main(CAUSE_LOCK);
    CLEANUP(profile_freep) struct profile *p = NULL;

    (void)state;
    for (int32_t k = 0; k < 2; k++) {
        size_t t = synthetic_thread(m, 2 + k, 1, 1, 1 * MS);

        for (int i = 0; i < 20; i++)
            synthetic_queue_slice(m, t, 20 * MS, 300 * US, CAUSE_LOCK, ADDRESS, 3 - k, 0);
    }
    p = profile_checked(m);
    assert_int_equal(p->n_locks, 0);
    assert_int_equal(p->dependence.lock_waits, 0);
}

/* Forked processes share a mutex in shared memory: one mutex, whoever waits. */
static void a_mutex_between_processes_is_one(void **state)
{
    CLEANUP(measurement_freep) struct measurement *m = with_main(CAUSE_LOCK);
    CLEANUP(profile_freep) struct profile *p = NULL;

    (void)state;
    take_turns(m, 2, 3, CAUSE_LOCK, ADDRESS, 0);
    for (int32_t k = 0; k < 3; k++) {
        synthetic_process(m, 2 + k, 1);
        m->threads[1 + k].pid = 2 + k;
    }
    p = profile_checked(m);
    assert_int_equal(p->current_model, MODEL_PROCESSES);
    assert_int_equal(p->n_locks, 1);
    assert_in_range((uint64_t)(p->dependence.locked_share * 100), 57, 61);
}

/* A queue's workers wait at one address, too, but one who never waits there feeds them. */
static void a_queue_is_no_mutex(void **state)
{
    CLEANUP(measurement_freep) struct measurement *m = with_main(CAUSE_HANDOFF);
    CLEANUP(profile_freep) struct profile *p = NULL;

    (void)state;
    for (int32_t k = 0; k < 3; k++) {
        size_t t = synthetic_thread(m, 2 + k, 1, 1, 1 * MS);

        for (int i = 0; i < 20; i++)
            synthetic_queue_slice(m, t, 10 * MS, 5 * MS, CAUSE_HANDOFF, ADDRESS, 1, 0);
    }
    p = profile_checked(m);
    assert_int_equal(p->n_locks, 0);
    assert_int_equal(p->n_items, 60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sections_are_placed_by_who_woke_whom),
        cmocka_unit_test(an_owner_that_waits_for_the_interpreter_lock_does_no_work),
        cmocka_unit_test(mutexes_are_told_apart),
        cmocka_unit_test(a_mutex_is_not_held_from_one_cycle_to_the_next),
        cmocka_unit_test(sections_without_a_trace_are_found_by_their_waits),
        cmocka_unit_test(rare_waits_are_no_mutex),
        cmocka_unit_test(a_mutex_between_processes_is_one),
        cmocka_unit_test(a_queue_is_no_mutex),
    };

    return cmocka_run_group_tests_name("analyzer/profile/locks", tests, NULL, NULL);
}
