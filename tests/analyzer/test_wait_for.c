/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "analyzer/advice.h"
#include "analyzer/thread_groups.h"
#include "analyzer/thread_index.h"
#include "analyzer/wait_for.h"
#include "synthetic.h"

#define MAIN 100

/* main and 4 pool threads; two more processes of one thread each with 2 unnamed threads */
static struct measurement *program(void)
{
    struct measurement *m = synthetic_new(4);

    m->target.pid = MAIN;
    for (int32_t pid = MAIN; pid <= MAIN + 200; pid += 100) {
        struct process *process = synthetic_process(m, pid, pid > MAIN ? MAIN : 0);

        (void)snprintf(process->name, sizeof(process->name), "python3");
        for (int32_t i = 0; i < (pid > MAIN ? 3 : 5); i++) {
            size_t lane = synthetic_thread(m, pid + i, pid, pid > MAIN && i == 0 ? MAIN : pid, 0);

            synthetic_slice(m, lane, 100 * MS, 0, CAUSE_OTHER);
            if (pid == MAIN && i > 0)
                (void)snprintf(m->threads[lane].name, sizeof(m->threads[lane].name), "pool-1-%d", i - 1);
            else
                (void)snprintf(m->threads[lane].name, sizeof(m->threads[lane].name), "python3");
        }
    }
    m->processes_total = 3;
    synthetic_finish(m);
    return m;
}

struct named {
    struct thread_index *index;
    struct thread_groups *groups;
};

static struct named name(const struct measurement *m)
{
    struct named named = {0};

    assert_int_equal(thread_index_new(m, &named.index), 0);
    assert_int_equal(thread_groups_new(m, named.index, &named.groups), 0);
    return named;
}

static void unname(struct named *named)
{
    thread_groups_free(named->groups);
    thread_index_free(named->index);
}

static void expect_label(const struct named *named, int32_t tid, size_t threads, size_t processes, const char *expected)
{
    AUTO_FREE char *label =
        thread_groups_label(named->groups, thread_index_find(named->index, tid, 0), threads, processes);

    assert_string_equal(label, expected);
}

static void threads_are_called_what_tells_them_apart(void **state)
{
    struct measurement *m = program();
    struct named named = name(m);

    (void)state;
    expect_label(&named, MAIN, 1, 1, "the main process");
    expect_label(&named, 102, 1, 1, "pool-1-1");
    expect_label(&named, 102, 4, 1, "pool-*-* (4)");
    expect_label(&named, 200, 1, 1, "python3 200");
    expect_label(&named, 200, 2, 2, "2 python3 processes");
    expect_label(&named, 201, 1, 1, "thread 201 of 200");
    expect_label(&named, 201, 2, 1, "2 threads of 200");
    expect_label(&named, 201, 4, 2, "4 threads in 2 processes");
    unname(&named);
    m->processes_total = 1;
    named = name(m);
    expect_label(&named, MAIN, 1, 1, "main");
    unname(&named);
    measurement_free(m);
}

static void equal_names_get_their_number(void **state)
{
    struct measurement *m = program();
    struct named named;

    (void)state;
    for (size_t i = 1; i < 5; i++)
        (void)snprintf(m->threads[i].name, sizeof(m->threads[i].name), "net");
    named = name(m);
    expect_label(&named, 102, 1, 1, "net 102");
    expect_label(&named, 102, 4, 1, "net (4)");
    unname(&named);
    for (size_t i = 1; i < 5; i++)
        (void)snprintf(m->threads[i].name, sizeof(m->threads[i].name), "python3");
    named = name(m);
    expect_label(&named, 102, 1, 1, "thread 102");
    expect_label(&named, 102, 4, 1, "4 threads");
    unname(&named);
    measurement_free(m);
}

/* The names that a thread and the process had at different times are no reason to take numbers within words apart. */
static void only_counters_make_a_pattern(void **state)
{
    static const char *const names[] = {"md5sum", "sha1sum", "io2"};
    struct measurement *m = program();
    struct named named;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        (void)snprintf(m->threads[1 + i].name, sizeof(m->threads[0].name), "%s", names[i]);
    named = name(m);
    assert_int_not_equal(thread_groups_of(named.groups, 1), thread_groups_of(named.groups, 2));
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        expect_label(&named, MAIN + 1 + (int32_t)i, 1, 1, names[i]);
    unname(&named);
    measurement_free(m);
}

static void reused_numbers_are_told_apart_by_time(void **state)
{
    struct measurement *m = program();
    struct named named;
    size_t later;

    (void)state;
    later = synthetic_thread(m, 102, MAIN, MAIN, 500 * MS);
    named = name(m);
    assert_int_equal(thread_index_find(named.index, 102, 400 * MS), 2);
    assert_int_equal(thread_index_find(named.index, 102, 500 * MS), later);
    assert_true(thread_index_find(named.index, 9999, 0) == THREAD_INDEX_NONE);
    assert_null(thread_index_process(named.index, 9999, 0));
    unname(&named);
    measurement_free(m);
}

static struct waker row(int32_t waiter, int32_t waker, enum cause cause, uint64_t time_ns)
{
    return (struct waker){.waiter_pid = MAIN,
                          .waiter_tid = waiter,
                          .waker_pid = MAIN,
                          .waker_tid = waker,
                          .cause = cause,
                          .time_ns = time_ns,
                          .count = 3};
}

static void rows_are_added_up_by_group(void **state)
{
    struct measurement *m = program();
    struct frame frames[] = {{.function = (char *)"take", .file = (char *)"/srv/app.py", .line = 7}};
    struct waker wakers[] = {
        row(101, MAIN, CAUSE_HANDOFF, 90 * MS),   row(102, MAIN, CAUSE_HANDOFF, 80 * MS),
        row(101, 102, CAUSE_LOCK, 70 * MS),       row(103, MAIN, CAUSE_HANDOFF, 60 * MS),
        row(102, 103, CAUSE_LOCK, 50 * MS),       row(MAIN, 104, CAUSE_JOIN, 40 * MS),
        row(9999, MAIN, CAUSE_HANDOFF, 500 * MS), row(101, MAIN, CAUSE_LOCK, 5 * MS),
        row(101, 9999, CAUSE_HANDOFF, 500 * MS),
    };
    struct named named = name(m);
    struct wait_for *waits = NULL;
    size_t n = 0;

    (void)state;
    wakers[1].waiter_frames = frames;
    wakers[1].n_waiter_frames = 1;
    m->wakers = wakers;
    m->n_wakers = ARRAY_SIZE(wakers);
    m->blocked_ns[CAUSE_IDLE] = 100 * MS; /* of 1.1 s */
    assert_int_equal(wait_for_fill(m, named.index, named.groups, &waits, &n), 0);
    assert_int_equal(n, 4);
    assert_string_equal(waits[0].waiter, "pool-*-* (3)");
    assert_string_equal(waits[0].waker, "the main process");
    assert_int_equal(waits[0].cause, CAUSE_HANDOFF);
    assert_int_equal(waits[0].time_ns, 230 * MS);
    assert_int_equal(waits[0].count, 9);
    assert_int_equal((int)(waits[0].share * 1000 + 0.5), 230);
    assert_false(waits[0].one_another);
    assert_int_equal(waits[0].n_waiter_frames, 1);
    assert_ptr_not_equal(waits[0].waiter_frames, frames);
    assert_string_equal(waits[1].waiter, "pool-*-* (2)");
    assert_true(waits[1].one_another);
    assert_int_equal(waits[1].time_ns, 120 * MS);
    assert_string_equal(waits[2].waker, "pool-1-3");
    assert_int_equal(waits[3].cause, CAUSE_LOCK);
    for (size_t i = 0; i < n; i++)
        wait_for_clear(&waits[i]);
    free(waits);
    m->wakers = NULL;
    m->n_wakers = 0;
    unname(&named);
    measurement_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_are_called_what_tells_them_apart),
        cmocka_unit_test(equal_names_get_their_number),
        cmocka_unit_test(only_counters_make_a_pattern),
        cmocka_unit_test(reused_numbers_are_told_apart_by_time),
        cmocka_unit_test(rows_are_added_up_by_group),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
