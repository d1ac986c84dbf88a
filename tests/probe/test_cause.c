/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/base.h"
#include "probe/bpf/abi.h"
#include "probe/cause.h"

static const struct wait_context nothing_special = {0};

static void every_kind_but_unknown_has_a_cause(void **state)
{
    (void)state;
    assert_int_equal(cause_of_wait(WAIT_UNKNOWN, &nothing_special), CAUSE_COUNT);
    assert_int_equal(cause_of_wait(WAIT_KIND_COUNT, &nothing_special), CAUSE_COUNT);
    for (unsigned int kind = WAIT_UNKNOWN + 1; kind < WAIT_KIND_COUNT; kind++)
        assert_true(cause_of_wait(kind, &nothing_special) < CAUSE_COUNT);
}

static void only_futexes_can_be_the_interpreter_lock(void **state)
{
    const struct wait_context lock = {.interpreter_lock = true};

    (void)state;
    assert_int_equal(cause_of_wait(WAIT_FUTEX_OTHER, &lock), CAUSE_INTERPRETER_LOCK);
    assert_int_equal(cause_of_wait(WAIT_FUTEX_OTHER, &nothing_special), CAUSE_HANDOFF);
    assert_int_equal(cause_of_wait(WAIT_FUTEX_MUTEX, &nothing_special), CAUSE_LOCK);
    assert_int_equal(cause_of_wait(WAIT_SLEEP, &lock), CAUSE_SLEEP);
}

static void a_server_waiting_for_requests_is_idle(void **state)
{
    const struct wait_context server = {.listens = true}, proxy = {.listens = true, .connects = true};

    (void)state;
    assert_int_equal(cause_of_wait(WAIT_EPOLL_OUTSIDE, &nothing_special), CAUSE_NETWORK);
    assert_int_equal(cause_of_wait(WAIT_EPOLL_OUTSIDE, &server), CAUSE_IDLE);
    assert_int_equal(cause_of_wait(WAIT_EPOLL_TIMEOUT, &server), CAUSE_IDLE);
    /* One that is itself a client of somebody may well have an answer outstanding. */
    assert_int_equal(cause_of_wait(WAIT_EPOLL_OUTSIDE, &proxy), CAUSE_NETWORK);
    /* Its own thread has something for it: no request. */
    assert_int_equal(cause_of_wait(WAIT_EPOLL_SIBLING, &server), CAUSE_HANDOFF);
    assert_int_equal(cause_of_wait(WAIT_ACCEPT, &nothing_special), CAUSE_IDLE);
    assert_int_equal(cause_of_wait(WAIT_INET_SERVED, &nothing_special), CAUSE_IDLE);
}

static void a_wait_in_a_ring_is_for_what_the_process_has(void **state)
{
    const struct wait_context server = {.listens = true}, client = {.connects = true},
                              proxy = {.listens = true, .connects = true};

    (void)state;
    assert_int_equal(cause_of_wait(WAIT_IO_URING, &nothing_special), CAUSE_DISK);
    assert_int_equal(cause_of_wait(WAIT_IO_URING, &client), CAUSE_NETWORK);
    assert_int_equal(cause_of_wait(WAIT_IO_URING, &server), CAUSE_IDLE);
    assert_int_equal(cause_of_wait(WAIT_IO_URING, &proxy), CAUSE_NETWORK);
    assert_true(cause_is_socket(WAIT_IO_URING)); /* else nobody would look for connections */
}

static void who_ended_it_tells_inside_from_outside(void **state)
{
    (void)state;
    assert_int_equal(cause_of_wait(WAIT_PIPE_TARGET, &nothing_special), CAUSE_IPC);
    assert_int_equal(cause_of_wait(WAIT_PIPE_OUTSIDE, &nothing_special), CAUSE_PIPE);
    assert_int_equal(cause_of_wait(WAIT_INET_TARGET, &nothing_special), CAUSE_IPC);
    assert_int_equal(cause_of_wait(WAIT_INET_OUTSIDE, &nothing_special), CAUSE_NETWORK);
    assert_int_equal(cause_of_wait(WAIT_POLL_TARGET, &nothing_special), CAUSE_IPC);
    assert_int_equal(cause_of_wait(WAIT_POLL_TIMEOUT, &nothing_special), CAUSE_SLEEP);
}

/* Goroutines block without the kernel: a thread of Go that sleeps has nothing to run. */
static void a_thread_of_go_without_work_is_idle(void **state)
{
    const struct wait_context go = {.runtime = RUNTIME_GO}, client = {.runtime = RUNTIME_GO, .connects = true};

    (void)state;
    for (unsigned int kind = WAIT_FUTEX_MUTEX; kind <= WAIT_FUTEX_TIMEOUT; kind++)
        assert_int_equal(cause_of_wait(kind, &go), CAUSE_IDLE);
    assert_int_equal(cause_of_wait(WAIT_SLEEP, &go), CAUSE_IDLE);
    assert_int_equal(cause_of_wait(WAIT_EPOLL_TIMEOUT, &go), CAUSE_IDLE);
    assert_int_equal(cause_of_wait(WAIT_EPOLL_SIBLING, &go), CAUSE_IDLE);
    assert_int_equal(cause_of_wait(WAIT_EPOLL_OUTSIDE, &go), CAUSE_IDLE);
    assert_int_equal(cause_of_wait(WAIT_EPOLL_OUTSIDE, &client), CAUSE_NETWORK);
    /* What goes to the kernel is what it is. */
    assert_int_equal(cause_of_wait(WAIT_FILE, &go), CAUSE_DISK);
    assert_int_equal(cause_of_wait(WAIT_CHILD, &go), CAUSE_JOIN);
}

static void a_timed_wait_of_the_jvm_that_ran_out_is_a_sleep(void **state)
{
    const struct wait_context jvm = {.runtime = RUNTIME_JVM}, lock = {.interpreter_lock = true};

    (void)state;
    assert_int_equal(cause_of_wait(WAIT_FUTEX_TIMEOUT, &jvm), CAUSE_SLEEP);
    assert_int_equal(cause_of_wait(WAIT_FUTEX_OTHER, &jvm), CAUSE_HANDOFF);
    assert_int_equal(cause_of_wait(WAIT_FUTEX_TIMEOUT, &nothing_special), CAUSE_HANDOFF);
    assert_int_equal(cause_of_wait(WAIT_FUTEX_TIMEOUT, &lock), CAUSE_INTERPRETER_LOCK);
}

static void ruby_s_own_structures_name_its_waits(void **state)
{
    const struct wait_context ruby = {.runtime = RUNTIME_RUBY}, tried = {.runtime = RUNTIME_RUBY, .own_waits = true};

    (void)state;
    assert_int_equal(cause_of_wait(WAIT_INTERPRETER_LOCK, &ruby), CAUSE_INTERPRETER_LOCK);
    assert_int_equal(cause_of_wait(WAIT_RUBY_SLEEP, &ruby), CAUSE_SLEEP);
    assert_int_equal(cause_of_wait(WAIT_RUBY_QUEUE, &ruby), CAUSE_HANDOFF);
    assert_int_equal(cause_of_wait(WAIT_FUTEX_OTHER, &ruby), CAUSE_HANDOFF);
    assert_int_equal(cause_of_wait(WAIT_FUTEX_OTHER, &tried), CAUSE_IDLE);
    assert_int_equal(cause_of_wait(WAIT_FUTEX_MUTEX, &tried), CAUSE_LOCK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_but_unknown_has_a_cause),
        cmocka_unit_test(only_futexes_can_be_the_interpreter_lock),
        cmocka_unit_test(a_server_waiting_for_requests_is_idle),
        cmocka_unit_test(a_wait_in_a_ring_is_for_what_the_process_has),
        cmocka_unit_test(who_ended_it_tells_inside_from_outside),
        cmocka_unit_test(a_thread_of_go_without_work_is_idle),
        cmocka_unit_test(a_timed_wait_of_the_jvm_that_ran_out_is_a_sleep),
        cmocka_unit_test(ruby_s_own_structures_name_its_waits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
