/* SPDX-License-Identifier: BSD-2-Clause */

/* What stalls a loop, from waits, stacks and samples as they come: in the order of the rings, not of time. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/base.h"
#include "probe/bpf/abi.h"
#include "probe/follow/loops.h"
#include "probe/measurement.h"
#include "probe/follow/run_state.h"

#define MS NSEC_PER_MSEC
#define PERIOD (NSEC_PER_SEC / 249)
#define EPFD 5

static struct record wait_of(uint8_t kind, uint64_t begin, uint64_t end, uint32_t address)
{
    return (struct record){
        .type = RECORD_SLICE, .kind = kind, .time = end, .blocked_ns = end - begin, .address_low = address};
}

static void selector(struct run_thread *thread, uint64_t begin, uint64_t end)
{
    struct record r = wait_of(WAIT_EPOLL_OUTSIDE, begin, end, EPFD);

    loops_take_slice(thread, &r);
}

static void blocking(struct run_thread *thread, uint8_t kind, uint64_t begin, uint64_t end)
{
    struct record r = wait_of(kind, begin, end, 0);

    loops_take_slice(thread, &r);
}

static void turn_wait(struct run_thread *thread, uint64_t begin, uint64_t end, uint64_t step)
{
    struct record r = wait_of(WAIT_SLEEP, begin, end, 0);

    loops_take_slice(thread, &r);
    loops_take_wait(thread, &r, STACK_IN_TURN, 1, step);
}

/* Samples of one step, every period, within [begin, end). */
static void samples(struct run_thread *thread, uint64_t begin, uint64_t end, uint64_t step)
{
    for (uint64_t at = begin; at < end; at += PERIOD)
        loops_take_sample(thread, at, STACK_IN_TURN, step);
}

static struct loop_facts finish(struct run_thread *thread)
{
    struct loop_facts facts;

    loops_finish(thread, &facts);
    loops_free(thread->loop);
    return facts;
}

static void a_wait_inside_a_turn_counts_with_its_full_length(void **state)
{
    struct run_thread thread = {0};
    struct loop_facts facts;

    (void)state;
    turn_wait(&thread, 1000 * MS, 1250 * MS, 8);
    selector(&thread, 1251 * MS, 1300 * MS);
    turn_wait(&thread, 1301 * MS, 1331 * MS, 16);
    selector(&thread, 1340 * MS, 1400 * MS);
    facts = finish(&thread);
    assert_true(facts.asyncio);
    assert_int_equal(facts.blocked_ns, 280 * MS);
    assert_int_equal(facts.blocked_count, 2);
    assert_int_equal(facts.stalls, 1);
    assert_int_equal(facts.stall_ns, 250 * MS);
    assert_int_equal(facts.longest_stall_ns, 250 * MS);
}

/* Turns that find something to do do not wait: no selector between them, but each is a step of its own. */
static void many_short_steps_are_no_stall(void **state)
{
    struct run_thread thread = {0};
    struct loop_facts facts;

    (void)state;
    selector(&thread, 900 * MS, 1000 * MS);
    for (uint64_t i = 0; i < 500; i++)
        loops_take_sample(&thread, 1000 * MS + i * PERIOD, STACK_IN_TURN, 2 + 2 * (i % 3));
    selector(&thread, 3100 * MS, 3200 * MS);
    facts = finish(&thread);
    assert_int_equal(facts.stalls, 0);
    assert_true(facts.longest_stall_ns < 100 * MS);
    assert_true(facts.busy_share > 0.99);
}

static void samples_of_one_step_chain_until_the_loop_rests(void **state)
{
    struct run_thread thread = {0};
    struct loop_facts facts;

    (void)state;
    selector(&thread, 900 * MS, 1000 * MS);
    samples(&thread, 1000 * MS, 1150 * MS, 8);
    selector(&thread, 1151 * MS, 1160 * MS);
    samples(&thread, 1161 * MS, 1311 * MS, 8);
    /* the loop's own code: the step is over, whatever runs next */
    loops_take_sample(&thread, 1312 * MS, STACK_IN_SELECTOR, 0);
    samples(&thread, 1316 * MS, 1386 * MS, 8);
    facts = finish(&thread);
    assert_int_equal(facts.stalls, 2);
    assert_in_range(facts.stall_ns, 290 * MS, 310 * MS);
    assert_in_range(facts.longest_stall_ns, 145 * MS, 156 * MS);
}

/* 60 ms of computing, 60 ms asleep, 60 ms of computing in one step: one stall of 180 ms. */
static void waits_and_samples_of_a_step_chain_together(void **state)
{
    struct run_thread thread = {0};
    struct loop_facts facts;

    (void)state;
    selector(&thread, 900 * MS, 1000 * MS);
    turn_wait(&thread, 1060 * MS, 1120 * MS, 8); /* the rings bring it first */
    samples(&thread, 1120 * MS, 1180 * MS, 8);
    samples(&thread, 1000 * MS, 1060 * MS, 8);
    selector(&thread, 1181 * MS, 1200 * MS);
    facts = finish(&thread);
    assert_int_equal(facts.stalls, 1);
    assert_in_range(facts.stall_ns, 175 * MS, 186 * MS);
    assert_int_equal(facts.blocked_ns, 60 * MS);
}

/* Two samples of one coroutine with a long time in the run queue between them do not make a stall of all that time. */
static void the_run_queue_is_not_the_step_s_doing(void **state)
{
    struct run_thread thread = {0};
    struct loop_facts facts;

    (void)state;
    selector(&thread, 900 * MS, 1000 * MS);
    loops_take_sample(&thread, 1001 * MS, STACK_IN_TURN, 8);
    loops_take_sample(&thread, 1201 * MS, STACK_IN_TURN, 8);
    selector(&thread, 1202 * MS, 1300 * MS);
    facts = finish(&thread);
    assert_int_equal(facts.stalls, 0);
    assert_in_range(facts.longest_stall_ns, 2 * PERIOD, 6 * PERIOD);
}

/* Frames of plain callbacks lie at one address: they are one callback only where that can't be chance. */
static void plain_callbacks_are_not_joined_lightly(void **state)
{
    struct run_thread busy = {0}, stuck = {0};
    struct loop_facts facts;

    (void)state;
    selector(&busy, 900 * MS, 1000 * MS);
    for (uint64_t i = 0; i < 500; i++) /* now and then a sample hits the loop's own code */
        loops_take_sample(&busy, 1000 * MS + i * PERIOD, i % 20 ? STACK_IN_TURN : STACK_IN_SELECTOR,
                          i % 20 ? 8 | STACK_STEP_PLAIN : 0);
    facts = finish(&busy);
    assert_int_equal(facts.stalls, 0);
    selector(&stuck, 900 * MS, 1000 * MS);
    samples(&stuck, 1000 * MS, 3000 * MS, 8 | STACK_STEP_PLAIN);
    facts = finish(&stuck);
    assert_int_equal(facts.stalls, 1);
    assert_in_range(facts.longest_stall_ns, 1990 * MS, 2010 * MS);
}

/* The stacks of uvloop's turns show coroutines that nothing of asyncio's runs; so do those of other loops. */
static void coroutines_without_asyncio_are_turns_where_uvloop_is_loaded(void **state)
{
    (void)state;
    for (int uvloop = 0; uvloop < 2; uvloop++) {
        struct run_thread thread = {.uvloop = uvloop};
        struct record blocked = wait_of(WAIT_SLEEP, 1100 * MS, 1300 * MS, 0);
        struct loop_facts facts;

        for (uint64_t at = 1000 * MS; at < 1100 * MS; at += PERIOD)
            loops_take_sample(&thread, at, STACK_IN_COROUTINE, 8);
        loops_take_slice(&thread, &blocked);
        loops_take_wait(&thread, &blocked, STACK_IN_COROUTINE, 1, 8);
        selector(&thread, 1301 * MS, 1400 * MS);
        facts = finish(&thread);
        assert_int_equal(facts.asyncio, uvloop);
        assert_int_equal(facts.stalls, uvloop);
        assert_int_equal(facts.blocked_ns, uvloop ? 200 * MS : 0);
        assert_true(!uvloop || (facts.stall_ns >= 298 * MS && facts.busy_share > 0.99));
    }
}

static void an_idle_loop_has_no_stall(void **state)
{
    struct run_thread thread = {0};
    struct loop_facts facts;

    (void)state;
    blocking(&thread, WAIT_FILE, 100 * MS, 900 * MS); /* start-up */
    for (uint64_t i = 1; i <= 3000; i++)
        selector(&thread, i * 1000 * MS, (i + 1) * 1000 * MS - 1);
    blocking(&thread, WAIT_SLEEP, 4000000 * MS, 4000900 * MS); /* after the loop */
    facts = finish(&thread);
    assert_false(facts.asyncio);
    assert_int_equal(facts.blocked_ns, 0);
    assert_int_equal(facts.stalls, 0);
    assert_int_equal(facts.longest_stall_ns, 0);
}

static void a_blocking_call_between_two_waits_stalls_a_native_loop(void **state)
{
    struct run_thread thread = {0};
    struct loop_facts facts;

    (void)state;
    selector(&thread, 900 * MS, 1000 * MS);
    blocking(&thread, WAIT_FUTEX_OTHER, 1000 * MS, 1200 * MS); /* a lock: not judged here */
    blocking(&thread, WAIT_SLEEP, 1200 * MS, 1350 * MS);
    selector(&thread, 1351 * MS, 1400 * MS);
    facts = finish(&thread);
    assert_int_equal(facts.blocked_ns, 150 * MS);
    assert_int_equal(facts.stalls, 1);
    assert_int_equal(facts.longest_stall_ns, 150 * MS);
    assert_int_equal(facts.nested_count, 0);
}

static void a_wait_on_another_descriptor_is_told_apart(void **state)
{
    struct run_thread thread = {0};
    struct record nested = wait_of(WAIT_EPOLL_OUTSIDE, 3001 * MS, 3501 * MS, 23);
    struct loop_facts facts;

    (void)state;
    selector(&thread, 900 * MS, 2000 * MS);
    selector(&thread, 2001 * MS, 3000 * MS);
    loops_take_slice(&thread, &nested);
    selector(&thread, 3502 * MS, 4000 * MS);
    facts = finish(&thread);
    assert_int_equal(facts.blocked_ns, 0);
    assert_int_equal(facts.nested_ns, 500 * MS);
    assert_int_equal(facts.nested_stalls, 1);
    assert_int_equal(facts.longest_nested_ns, 500 * MS);
}

/* A server under load never rests either; but every fourth sample catches it inside a system call. */
static void a_busy_server_is_not_one_long_callback(void **state)
{
    struct run_thread thread = {0};
    struct loop_facts facts;

    (void)state;
    selector(&thread, 900 * MS, 1000 * MS);
    for (uint64_t i = 0; i < 2000; i++)
        loops_take_native_sample(&thread, 1000 * MS + i * PERIOD, i % 4 == 0, 0);
    selector(&thread, 9100 * MS, 9200 * MS);
    facts = finish(&thread);
    assert_int_equal(facts.stalls, 0);
    assert_int_equal(facts.longest_stall_ns, 0);
}

/* Callbacks of a millisecond are hardly ever caught in a system call; but between two samples they read and wrote. */
static void callbacks_that_write_are_not_one(void **state)
{
    struct run_thread thread = {0};
    struct loop_facts facts;

    (void)state;
    selector(&thread, 900 * MS, 1000 * MS);
    for (uint64_t i = 0; i < 600; i++) /* the last fifth is one long callback */
        loops_take_native_sample(&thread, 1000 * MS + i * PERIOD, i < 480 && i % 50 == 0,
                                 (uint32_t)(8 * (i < 480 ? i : 480)));
    selector(&thread, 3401 * MS, 3410 * MS);
    facts = finish(&thread);
    assert_int_equal(facts.stalls, 1);
    assert_in_range(facts.longest_stall_ns, 470 * MS, 490 * MS);
    /* 470 samples of one each, ten caught in a call, and one of 120: 1.25 a callback */
    assert_in_range(facts.callback_ns, 3 * MS, 4 * MS);
}

static void computing_without_a_system_call_is_one_callback(void **state)
{
    struct run_thread thread = {0};
    struct loop_facts facts;

    (void)state;
    /* not in the loop yet */
    for (uint64_t i = 0; i < 200; i++)
        loops_take_native_sample(&thread, 1 * MS + i * PERIOD, false, 0);
    selector(&thread, 900 * MS, 1000 * MS);
    for (uint64_t i = 0; i < 100; i++)
        loops_take_native_sample(&thread, 1000 * MS + i * PERIOD, false, 0);
    selector(&thread, 1410 * MS, 1420 * MS);
    facts = finish(&thread);
    assert_int_equal(facts.stalls, 1);
    assert_in_range(facts.longest_stall_ns, 395 * MS, 410 * MS);
    assert_in_range(facts.callback_ns, 395 * MS, 410 * MS);
}

/* A loop that waits for 100 timers for long, and for 10 for a moment, has near 100 of them. */
static void timers_are_weighted_by_how_long_they_were_waited_for(void **state)
{
    struct run_thread timed = {0}, untimed = {0};
    struct loop_facts facts;

    (void)state;
    loops_take_timers(&timed, 90 * MS, 100, 50);
    loops_take_timers(&timed, 5 * MS, 10, 10);
    loops_take_timers(&timed, 5 * MS, 0, 0);
    facts = finish(&timed);
    assert_true(facts.timers_mean > 90.49 && facts.timers_mean < 90.51);
    assert_true(facts.sleepers_mean > 45.49 && facts.sleepers_mean < 45.51);
    assert_int_equal(facts.timers_max, 100);
    selector(&untimed, 900 * MS, 1000 * MS);
    facts = finish(&untimed);
    assert_true(facts.timers_mean == 0 && facts.sleepers_mean == 0);
    assert_int_equal(facts.timers_max, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wait_inside_a_turn_counts_with_its_full_length),
        cmocka_unit_test(many_short_steps_are_no_stall),
        cmocka_unit_test(samples_of_one_step_chain_until_the_loop_rests),
        cmocka_unit_test(waits_and_samples_of_a_step_chain_together),
        cmocka_unit_test(the_run_queue_is_not_the_step_s_doing),
        cmocka_unit_test(plain_callbacks_are_not_joined_lightly),
        cmocka_unit_test(coroutines_without_asyncio_are_turns_where_uvloop_is_loaded),
        cmocka_unit_test(an_idle_loop_has_no_stall),
        cmocka_unit_test(a_blocking_call_between_two_waits_stalls_a_native_loop),
        cmocka_unit_test(a_wait_on_another_descriptor_is_told_apart),
        cmocka_unit_test(a_busy_server_is_not_one_long_callback),
        cmocka_unit_test(callbacks_that_write_are_not_one),
        cmocka_unit_test(computing_without_a_system_call_is_one_callback),
        cmocka_unit_test(timers_are_weighted_by_how_long_they_were_waited_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
