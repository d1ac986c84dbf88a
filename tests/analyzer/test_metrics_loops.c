/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "analyzer/metrics.h"
#include "cases.h"
#include "metrics_of.h"

static void a_client_that_polls_one_socket_is_no_loop(void **state)
{
    struct measurement *m = case_serial_waits(RUNTIME_CPYTHON, 20, 50 * MS, MS);
    struct event_loop *loop = build_loop(m, 0, "epoll");

    (void)state;
    loop->outstanding_max = 1;
    near(metrics_of(m).value[METRIC_LOOP_PRESENT], 0.0);
    loop->outstanding_max = 2;
    near(metrics_of(m).value[METRIC_LOOP_PRESENT], 1.0);
    measurement_free(m);
}

/* Native code that waits in epoll again and again has a loop, though nobody saw what it waits for. */
static void native_code_that_lives_in_epoll_has_a_loop(void **state)
{
    static const struct {
        enum runtime_kind runtime;
        uint64_t turns;
        uint32_t outstanding;
        double loops;
    } cases[] = {
        {RUNTIME_NATIVE, 8, 0, 1}, {RUNTIME_NATIVE, 7, 0, 0}, {RUNTIME_NATIVE, 8, 1, 0}, {RUNTIME_CPYTHON, 8, 0, 0}};

    (void)state;
    for (size_t c = 0; c < ARRAY_SIZE(cases); c++) {
        struct measurement *m = case_serial_waits(cases[c].runtime, 20, 50 * MS, MS);
        struct event_loop *loop = build_loop(m, 0, "epoll");

        loop->turns = cases[c].turns;
        loop->outstanding_max = cases[c].outstanding;
        near(metrics_of(m).value[METRIC_LOOP_PRESENT], cases[c].loops);
        measurement_free(m);
    }
}

/* Tasks asleep are counted: one at a time is one after another, whatever the sleeps look like. */
static void sleeps_one_at_a_time_are_serial_awaits(void **state)
{
    struct measurement *m = case_loop(40, 500 * US, 50 * MS, 1);

    (void)state;
    m->loops[0].outstanding_max = 0;
    m->loops[0].sleepers_mean = 1;
    near(metrics_of(m).value[METRIC_LOOP_SERIAL_AWAITS], 1.0);
    m->loops[0].sleepers_mean = 2;
    near(metrics_of(m).value[METRIC_LOOP_SERIAL_AWAITS], 0.0);
    measurement_free(m);
}

/* Over one connection: requests, each awaited, or news that come by themselves. */
static void requests_are_told_from_news(void **state)
{
    struct measurement *m = case_loop(40, 500 * US, 50 * MS, 1);

    (void)state;
    near(metrics_of(m).value[METRIC_LOOP_SERIAL_AWAITS], 1.0); /* nobody looked */
    m->loops[0].received_segments = 40;
    m->loops[0].sent_segments = 40;
    near(metrics_of(m).value[METRIC_LOOP_SERIAL_AWAITS], 1.0);
    near(metrics_of(m).value[METRIC_LOOP_OVERLAP_SHARE], 50.0 / 50.5 * 39 / 40);
    m->loops[0].sent_segments = 10;
    near(metrics_of(m).value[METRIC_LOOP_SERIAL_AWAITS], 1.0);
    m->loops[0].sent_segments = 9;
    near(metrics_of(m).value[METRIC_LOOP_SERIAL_AWAITS], 0.0);
    near(metrics_of(m).value[METRIC_LOOP_OVERLAP_SHARE], 0.0);
    measurement_free(m);
}

static void node_awaits_serially_over_one_connection_only(void **state)
{
    struct measurement *m = case_loop(40, 500 * US, 50 * MS, 1);

    (void)state;
    strcpy(m->loops[0].kind, "libuv");
    near(metrics_of(m).value[METRIC_LOOP_SERIAL_AWAITS], 1.0);
    m->loops[0].outstanding_max = 0;
    near(metrics_of(m).value[METRIC_LOOP_SERIAL_AWAITS], 0.0);
    m->loops[0].outstanding_max = 2;
    near(metrics_of(m).value[METRIC_LOOP_SERIAL_AWAITS], 0.0);
    measurement_free(m);
}

/* A loop under load has to wait for one turn in many: the few it waited for must not pass for long ones. */
static void turns_that_had_to_wait_are_not_all_turns(void **state)
{
    struct measurement *m = case_loop(10, 200 * MS, 2 * MS, 8);

    (void)state;
    m->loops[0].longest_stall_ns = 20 * MS;
    assert_true(metrics_of(m).value[METRIC_LOOP_TURN_CPU_NS] < 3e6);
    /* Unless such long callbacks were seen. */
    m->loops[0].longest_stall_ns = 200 * MS;
    near(metrics_of(m).value[METRIC_LOOP_TURN_CPU_NS] / 1e6, 200.0);
    /* They can't all have been as long when samples told shorter callbacks apart. */
    m->loops[0].callback_ns = 50 * MS;
    near(metrics_of(m).value[METRIC_LOOP_TURN_CPU_NS] / 1e6, 50.0);
    /* A loop that never had to wait has turns of some length all the same. */
    m->loops[0].turns = 0;
    m->loops[0].wait_ns = 0;
    near(metrics_of(m).value[METRIC_LOOP_TURN_CPU_NS] / 1e6, 50.0);
    m->loops[0].turns = 10;
    m->loops[0].wait_ns = 10 * 2 * MS;
    m->loops[0].longest_stall_ns = 150 * MS;
    m->loops[0].stalls = 10;
    m->loops[0].stall_ns = 1200 * MS;
    near(metrics_of(m).value[METRIC_LOOP_TURN_CPU_NS] / 1e6, 120.0);
    measurement_free(m);
}

/* Nothing but timers: equal waits with small bursts follow each other; irregular ones belong to many tasks. */
static void timers_one_at_a_time_are_inferred_from_their_rhythm(void **state)
{
    for (int irregular = 0; irregular < 2; irregular++) {
        struct measurement *m = build_new(RUNTIME_CPYTHON, 4);
        size_t lane = build_lane(m, 100, 100, 0);

        (void)state;
        (void)build_loop(m, lane, "asyncio");
        for (unsigned i = 0; i < 30; i++)
            build_repeat(m, lane, 1, 100 * US, 0, CAUSE_SLEEP, irregular ? (2 + i * 37 % 60) * MS : 50 * MS);
        build_finish(m, 1.0);
        near(metrics_of(m).value[METRIC_LOOP_SERIAL_AWAITS], irregular ? 0.0 : 1.0);
        measurement_free(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_that_polls_one_socket_is_no_loop),
        cmocka_unit_test(native_code_that_lives_in_epoll_has_a_loop),
        cmocka_unit_test(sleeps_one_at_a_time_are_serial_awaits),
        cmocka_unit_test(requests_are_told_from_news),
        cmocka_unit_test(node_awaits_serially_over_one_connection_only),
        cmocka_unit_test(turns_that_had_to_wait_are_not_all_turns),
        cmocka_unit_test(timers_one_at_a_time_are_inferred_from_their_rhythm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
