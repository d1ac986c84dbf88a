/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <linux/futex.h>
#include <poll.h>
#include <sys/syscall.h>
#include <time.h>

#include "base/base.h"
#include "probe/bpf/abi.h"
#include "probe/procfs/classify.h"
#include "probe/procfs/task_files.h"

#define ARGUMENT(x) ((uint64_t)(uintptr_t)(x))

static struct call_facts in_call(long number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e)
{
    const struct task_call call = {.doing = TASK_IN_CALL, .number = number, .arguments = {a, b, c, d, e, 0}};

    return classify_call(getpid(), &call);
}

static void a_futex_is_told_by_its_operation(void **state)
{
    const uint64_t wait = FUTEX_WAIT | FUTEX_PRIVATE_FLAG, bitset = FUTEX_WAIT_BITSET;

    (void)state;
    assert_int_equal(in_call(SYS_futex, 0x1000, wait, 2, 0, 0).kind, WAIT_FUTEX_MUTEX);
    assert_int_equal(in_call(SYS_futex, 0x1000, wait, 0, 0, 0).kind, WAIT_FUTEX_OTHER);
    assert_int_equal(in_call(SYS_futex, 0x1000, bitset | FUTEX_PRIVATE_FLAG, 0, 0, 0).kind, WAIT_FUTEX_OTHER);
    assert_int_equal(in_call(SYS_futex, 0x1000, bitset, 4711, 0, 0).kind, WAIT_FUTEX_JOIN);
    assert_int_equal(in_call(SYS_futex, 0x1000, FUTEX_LOCK_PI, 0, 0, 0).kind, WAIT_FUTEX_PI);
    assert_int_equal(in_call(SYS_futex, 0x1000, wait, 2, 0, 0).address, 0x1000);
}

static void timeouts_are_read_from_the_memory_of_the_process(void **state)
{
    const struct timespec relative = {1, 500000000};
    struct timespec point;
    struct call_facts facts;

    (void)state;
    assert_int_equal(in_call(SYS_futex, 4, FUTEX_WAIT, 0, ARGUMENT(&relative), 0).timeout_ns, 1500000000);
    assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &point), 0);
    point.tv_sec += 3600;
    facts = in_call(SYS_futex, 4, FUTEX_WAIT_BITSET, 0, ARGUMENT(&point), 0);
    assert_in_range(facts.timeout_ns, 3500 * NSEC_PER_SEC, 3600 * NSEC_PER_SEC);
    assert_int_equal(in_call(SYS_epoll_wait, 5, 0, 0, 250, 0).timeout_ns, 250 * NSEC_PER_MSEC);
    assert_int_equal(in_call(SYS_epoll_wait, 5, 0, 0, (uint64_t)-1, 0).timeout_ns, 0);
    /* An address that is none is no timeout, and no harm. */
    assert_int_equal(in_call(SYS_futex, 4, FUTEX_WAIT, 0, 8, 0).timeout_ns, 0);
}

static void poll_over_one_descriptor_is_a_wait_for_it(void **state)
{
    const struct pollfd fds[] = {{.fd = 7, .events = POLLIN}, {.fd = 9, .events = POLLIN}};
    struct call_facts facts = in_call(SYS_poll, ARGUMENT(fds), 1, 1000, 0, 0);

    (void)state;
    assert_int_equal(facts.fd, 7);
    assert_int_equal(facts.timeout_ns, NSEC_PER_SEC);
    facts = in_call(SYS_poll, ARGUMENT(fds), 2, 1000, 0, 0);
    assert_int_equal(facts.fd, -1);
    assert_int_equal(facts.n_fds, 2);
    assert_int_equal(facts.fds[1], 9);
    assert_int_equal(facts.kind, WAIT_POLL_OUTSIDE);
    assert_int_equal(in_call(SYS_poll, 0, 0, 1000, 0, 0).kind, WAIT_SLEEP);
    assert_int_equal(in_call(SYS_select, 0, 0, 0, 0, 0).kind, WAIT_SLEEP);
}

static void other_calls_are_what_the_shared_table_says(void **state)
{
    const struct task_call fault = {.doing = TASK_FAULTS, .number = -1};

    (void)state;
    assert_int_equal(in_call(SYS_read, 3, 0, 0, 0, 0).fd, 3);
    assert_true(in_call(SYS_accept4, 3, 0, 0, 0, 0).accepting);
    assert_int_equal(in_call(SYS_clock_nanosleep, 0, 0, 0, 0, 0).kind, WAIT_SLEEP);
    assert_int_equal(in_call(SYS_wait4, 0, 0, 0, 0, 0).kind, WAIT_CHILD);
    assert_int_equal(in_call(SYS_fsync, 3, 0, 0, 0, 0).kind, WAIT_FILE);
    assert_true(in_call(SYS_restart_syscall, 0, 0, 0, 0, 0).goes_on);
    assert_int_equal(in_call(SYS_getpid, 0, 0, 0, 0, 0).kind, WAIT_UNKNOWN);
    assert_int_equal(in_call(100000, 0, 0, 0, 0, 0).kind, WAIT_UNKNOWN);
    assert_int_equal(classify_call(getpid(), &fault).kind, WAIT_FAULT);
}

static void a_kernel_function_is_better_than_nothing(void **state)
{
    (void)state;
    assert_int_equal(classify_function("futex_do_wait"), WAIT_FUTEX_OTHER);
    assert_int_equal(classify_function("hrtimer_nanosleep"), WAIT_SLEEP);
    assert_int_equal(classify_function("do_wait"), WAIT_CHILD);
    assert_int_equal(classify_function("0"), WAIT_UNKNOWN);
    assert_int_equal(classify_function(""), WAIT_UNKNOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_futex_is_told_by_its_operation),
        cmocka_unit_test(timeouts_are_read_from_the_memory_of_the_process),
        cmocka_unit_test(poll_over_one_descriptor_is_a_wait_for_it),
        cmocka_unit_test(other_calls_are_what_the_shared_table_says),
        cmocka_unit_test(a_kernel_function_is_better_than_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
