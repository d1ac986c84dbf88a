/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/base.h"
#include "probe/follow/run_state.h"
#include "probe/runtime/detect.h"

static void slices_merge_evenly_and_keep_their_sums(void **state)
{
    struct run_state run;
    struct run_thread *a, *b;
    uint64_t on_cpu = 0, blocked = 0;

    (void)state;
    assert_int_equal(run_state_init(&run, 100), 0);
    assert_non_null(run_state_new_thread(&run, 10, 10, 0, 1));
    assert_non_null(run_state_new_thread(&run, 11, 10, 10, 2));
    for (uint64_t i = 1; i <= 1000; i++) {
        struct run_slice slice = {.time = i * 100, .on_cpu_ns = 3, .blocked_ns = i, .kind = WAIT_SLEEP};

        a = run_state_find_thread(&run, 10);
        b = run_state_find_thread(&run, 11);
        assert_int_equal(run_state_add_slice(&run, a, &slice), 0);
        if (i % 10 == 0)
            assert_int_equal(run_state_add_slice(&run, b, &slice), 0);
    }
    a = run_state_find_thread(&run, 10);
    assert_true(run.slices <= 100);
    assert_true(run.decimation >= 16 && (run.decimation & (run.decimation - 1)) == 0);
    assert_true(a->n_slices >= 1000 / run.decimation && a->n_slices <= 1000 / run.decimation + 1);
    for (size_t i = 0; i < a->n_slices; i++) {
        on_cpu += a->slices[i].on_cpu_ns;
        blocked += a->slices[i].blocked_ns;
        assert_true(i == 0 || a->slices[i].time > a->slices[i - 1].time);
    }
    assert_int_equal(on_cpu, 3000);
    assert_int_equal(blocked, 1000 * 1001 / 2);
    run_state_clear(&run);
}

static void a_merged_slice_is_named_after_its_longest_wait(void **state)
{
    struct run_state run;
    struct run_thread *thread;
    const struct run_slice slices[] = {
        {.time = 1, .blocked_ns = 5, .kind = WAIT_SLEEP},
        {.time = 2, .blocked_ns = 50, .kind = WAIT_FILE, .waker_tid = 7},
        {.time = 3, .blocked_ns = 10, .kind = WAIT_SLEEP},
        {.time = 4, .blocked_ns = 1, .kind = WAIT_FAULT},
    };

    (void)state;
    assert_int_equal(run_state_init(&run, 3), 0);
    thread = run_state_new_thread(&run, 10, 10, 0, 1);
    for (size_t i = 0; i < ARRAY_SIZE(slices); i++)
        assert_int_equal(run_state_add_slice(&run, thread, &slices[i]), 0);
    assert_int_equal(run.decimation, 2);
    assert_int_equal(thread->n_slices, 2);
    assert_int_equal(thread->slices[0].kind, WAIT_FILE);
    assert_int_equal(thread->slices[0].waker_tid, 7);
    assert_int_equal(thread->slices[1].kind, WAIT_SLEEP);
    run_state_clear(&run);
}

/* Ring by ring they come, and a thread may have been on two CPUs since the last reading. */
static void slices_are_put_in_order(void **state)
{
    struct run_state run;
    struct run_thread *thread;

    (void)state;
    assert_int_equal(run_state_init(&run, 100), 0);
    thread = run_state_new_thread(&run, 10, 10, 0, 1);
    run_thread_sort_slices(thread);
    for (uint64_t i = 0; i < 20; i++)
        assert_int_equal(run_state_add_slice(&run, thread, &(struct run_slice){.time = 1 + (i * 7) % 20}), 0);
    run_thread_sort_slices(thread);
    for (uint64_t i = 0; i < 20; i++)
        assert_int_equal(thread->slices[i].time, 1 + i);
    run_state_clear(&run);
}

static void a_reused_tid_is_a_new_thread(void **state)
{
    struct run_state run;

    (void)state;
    assert_int_equal(run_state_init(&run, 100), 0);
    assert_non_null(run_state_new_thread(&run, 10, 10, 0, 1));
    assert_non_null(run_state_new_thread(&run, 10, 10, 0, 2));
    assert_int_equal(run.n_threads, 2);
    assert_int_equal(run_state_find_thread(&run, 10)->birth, 2);
    assert_int_equal(run_state_thread(&run, 10, 10, 3)->birth, 2);
    assert_null(run_state_find_thread(&run, 11));
    run_state_clear(&run);
}

/* An account finds the row of its own thread, though another has the id by now and its birth was read first. */
static void accounts_of_a_reused_tid_are_told_apart(void **state)
{
    struct run_state run;

    (void)state;
    assert_int_equal(run_state_init(&run, 100), 0);
    for (uint32_t serial = 1; serial <= 3; serial++)
        run_state_new_thread(&run, 10, 10, 0, serial)->serial = serial;
    for (uint32_t serial = 1; serial <= 3; serial++)
        assert_int_equal(run_state_find_serial(&run, 10, serial)->birth, serial);
    assert_null(run_state_find_serial(&run, 10, 4));
    /* A row made by an early slice has no serial yet: it is the one that nobody else claims. */
    assert_non_null(run_state_new_thread(&run, 10, 10, 0, 4));
    assert_int_equal(run_state_find_serial(&run, 10, 2)->birth, 2);
    assert_int_equal(run_state_find_serial(&run, 10, 9)->birth, 4);
    assert_int_equal(run_state_find_serial(&run, 10, 9)->serial, 9);
    run_state_clear(&run);
}

static void slices_of_a_reused_tid_are_told_apart(void **state)
{
    struct record slice = {.time = 50, .tid = 10, .tgid = 10, .serial_low = 1};
    struct run_state run;

    (void)state;
    assert_int_equal(run_state_init(&run, 100), 0);
    run_state_new_thread(&run, 10, 10, 0, 1)->serial = 0x101;
    run_state_new_thread(&run, 10, 10, 0, 2)->serial = 0x102;
    assert_int_equal(run_state_thread_of_slice(&run, &slice)->birth, 1);
    slice.serial_low = 2;
    assert_int_equal(run_state_thread_of_slice(&run, &slice)->birth, 2);
    slice.serial_low = 3; /* its birth is still to be read */
    assert_int_equal(run_state_thread_of_slice(&run, &slice)->birth, 50);
    assert_int_equal(run.n_threads, 3);
    run_state_clear(&run);
}

/* Threads 10 (serial 1) and 12 (serial 2): 12 calls exec and is 10 from then on. */
static void a_thread_that_takes_over_a_tid_keeps_its_slices(void **state)
{
    const struct run_slice before = {.time = 5, .on_cpu_ns = 7}, early = {.time = 6, .on_cpu_ns = 11};
    const struct record late = {.time = 5, .tid = 12, .tgid = 10, .serial_low = 2},
                        first = {.time = 5, .tid = 10, .tgid = 10, .serial_low = 1},
                        after = {.time = 6, .tid = 10, .tgid = 10, .serial_low = 2};
    struct run_state run;
    const struct run_thread *thread;

    (void)state;
    assert_int_equal(run_state_init(&run, 100), 0);
    run_state_new_thread(&run, 10, 10, 0, 1)->serial = 1;
    run_state_new_thread(&run, 12, 10, 10, 2)->serial = 2;
    assert_int_equal(run_state_add_slice(&run, run_state_thread_of_slice(&run, &late), &before), 0);
    /* The ring with its first slice under the new id was read before the one with the exec. */
    assert_int_equal(run_state_add_slice(&run, run_state_thread_of_slice(&run, &after), &early), 0);
    assert_int_equal(run_state_take_over(&run, 12, 10, 2), 0);

    thread = run_state_find_serial(&run, 10, 2);
    assert_int_equal(thread->birth, 2);
    assert_int_equal(thread->tid, 10);
    assert_int_equal(thread->n_slices, 2);
    assert_int_equal(thread->slices[0].on_cpu_ns + thread->slices[1].on_cpu_ns, 18);
    assert_int_equal(run.slices, 2);
    /* Whatever is read late finds its thread, the one that was replaced included. */
    assert_ptr_equal(run_state_thread_of_slice(&run, &late), thread);
    assert_ptr_equal(run_state_thread_of_slice(&run, &after), thread);
    assert_int_equal(run_state_thread_of_slice(&run, &first)->birth, 1);
    assert_int_equal(run_state_find_serial(&run, 10, 1)->birth, 1);
    assert_int_equal(run_state_take_over(&run, 99, 10, 8), 0); /* a thread nobody has heard of */
    run_state_clear(&run);
}

static void further_threads_than_rows_are_refused(void **state)
{
    struct run_state run;

    (void)state;
    assert_int_equal(run_state_init(&run, 100), 0);
    for (uint32_t tid = 1; tid <= run.max_threads; tid++)
        assert_non_null(run_state_new_thread(&run, tid, 1, 1, tid));
    assert_null(run_state_new_thread(&run, 40000, 1, 1, 9));
    assert_non_null(run_state_find_thread(&run, 1));
    assert_int_equal(run_state_find_thread(&run, 5000)->birth, 5000);
    run_state_clear(&run);
}

/* Only the low half of an address travels with a slice: the range may cross a 4 GiB border. */
static void the_interpreter_lock_is_known_by_half_an_address(void **state)
{
    struct image image = {.gil_start = 0x7f00fffffff0, .gil_end = 0x7f0100000010};
    struct run_process process = {.image = &image};

    (void)state;
    assert_true(run_state_is_interpreter_lock(&process, 0xfffffff0));
    assert_true(run_state_is_interpreter_lock(&process, 0x0000000f));
    assert_false(run_state_is_interpreter_lock(&process, 0xffffffef));
    assert_false(run_state_is_interpreter_lock(&process, 0x00000010));
    process.image = NULL;
    assert_false(run_state_is_interpreter_lock(&process, 0xfffffff0));
    assert_false(run_state_is_interpreter_lock(NULL, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slices_merge_evenly_and_keep_their_sums),
        cmocka_unit_test(a_merged_slice_is_named_after_its_longest_wait),
        cmocka_unit_test(slices_are_put_in_order),
        cmocka_unit_test(a_reused_tid_is_a_new_thread),
        cmocka_unit_test(accounts_of_a_reused_tid_are_told_apart),
        cmocka_unit_test(slices_of_a_reused_tid_are_told_apart),
        cmocka_unit_test(a_thread_that_takes_over_a_tid_keeps_its_slices),
        cmocka_unit_test(further_threads_than_rows_are_refused),
        cmocka_unit_test(the_interpreter_lock_is_known_by_half_an_address),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
