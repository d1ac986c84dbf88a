/* SPDX-License-Identifier: BSD-2-Clause */

/* Waits renamed by their futex where no stack was taken; by their stack: tests/e2e/test_runtimes.py, on real pools. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/base.h"
#include "probe/bpf/abi.h"
#include "probe/follow/collector.h"
#include "probe/follow/habits.h"
#include "probe/sites/joins.h"
#include "probe/follow/run_state.h"

#define QUEUE 0x1000u
#define LOCK 0x2000u

static struct record wait_at(uint32_t address, unsigned int kind)
{
    return (struct record){.type = RECORD_SLICE, .kind = (uint8_t)kind, .address_low = address, .blocked_ns = 700};
}

static void a_wait_without_a_stack_is_what_the_last_one_there_was(void **state)
{
    struct run_process process = {.habit_places = {.address = {QUEUE}, .kind = {WAIT_POOL}, .next = 1}};
    struct record there = wait_at(QUEUE, WAIT_FUTEX_OTHER), elsewhere = wait_at(LOCK, WAIT_FUTEX_OTHER);
    struct record mutex = wait_at(QUEUE, WAIT_FUTEX_MUTEX);
    struct run_thread thread = {0};

    (void)state;
    habits_take_wait(NULL, JOIN_NONE, &process, &thread, &there);
    habits_take_wait(NULL, JOIN_NONE, &process, &thread, &elsewhere);
    habits_take_wait(NULL, JOIN_NONE, &process, &thread, &mutex);
    assert_int_equal(there.kind, WAIT_POOL);
    assert_int_equal(elsewhere.kind, WAIT_FUTEX_OTHER);
    assert_int_equal(mutex.kind, WAIT_FUTEX_MUTEX);
    there = wait_at(QUEUE, WAIT_FUTEX_TIMEOUT);
    habits_take_wait(NULL, JOIN_NONE, &process, &thread, &there);
    assert_int_equal(there.kind, WAIT_POOL);
    there = wait_at(QUEUE, WAIT_FUTEX_OTHER);
    habits_take_wait(NULL, JOIN_NONE, NULL, &thread, &there);
    assert_int_equal(there.kind, WAIT_FUTEX_OTHER);
}

/* The account of the thread has them under their old kind until it is settled: nothing is lost, nothing counted twice.
 */
static void what_was_renamed_moves_within_the_account(void **state)
{
    struct collector collector = {0};
    struct run_process process = {.habit_places = {.address = {QUEUE}, .kind = {WAIT_FUTEX_JOIN}, .next = 1}};
    struct record wait = wait_at(QUEUE, WAIT_FUTEX_OTHER);
    struct run_thread *thread;

    (void)state;
    assert_int_equal(run_state_init(&collector.state, 16), 0);
    thread = run_state_new_thread(&collector.state, 7, 7, 0, 1);
    assert_non_null(thread);
    thread->closed = true;
    thread->account.blocked_ns[WAIT_FUTEX_OTHER] = collector.final.grave.blocked_ns[WAIT_FUTEX_OTHER] = 1000;
    thread->account.blocked_count[WAIT_FUTEX_OTHER] = 3;
    collector.final.grave.blocked_count[WAIT_FUTEX_OTHER] = 3;
    habits_take_wait(NULL, JOIN_NONE, &process, thread, &wait);
    habits_settle(&collector);
    assert_int_equal(thread->account.blocked_ns[WAIT_FUTEX_OTHER], 300);
    assert_int_equal(thread->account.blocked_ns[WAIT_FUTEX_JOIN], 700);
    assert_int_equal(thread->account.blocked_count[WAIT_FUTEX_OTHER], 2);
    assert_int_equal(thread->account.blocked_count[WAIT_FUTEX_JOIN], 1);
    assert_int_equal(collector.final.grave.blocked_ns[WAIT_FUTEX_JOIN], 700);
    run_state_clear(&collector.state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wait_without_a_stack_is_what_the_last_one_there_was),
        cmocka_unit_test(what_was_renamed_moves_within_the_account),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
