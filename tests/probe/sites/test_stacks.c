/* SPDX-License-Identifier: BSD-2-Clause */

/* Frames of a "Python process": this one, with code objects of 3.11's layout in its memory. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <sys/wait.h>

#include "base/base.h"
#include "probe/bpf/abi.h"
#include "probe/runtime/detect.h"
#include "probe/sites/stacks.h"
#include "tests/probe/fake_python.h"

static struct image image;

static int set_up(void **state)
{
    (void)state;
    image = fake_image();
    return 0;
}

static struct stack_record record_of(union code *const *codes, size_t n, uint64_t time)
{
    struct stack_record record = {.id = 1, .tid = (uint32_t)getpid(), .tgid = (uint32_t)getpid(), .time = time};

    record.n_frames = (uint16_t)n;
    for (size_t i = 0; i < n; i++) {
        record.code[i] = (uintptr_t)codes[i];
        record.frame[i] = 1000 + i;
    }
    return record;
}

static void equal_stacks_are_one(void **state)
{
    struct stack_table *table = stack_table_new();
    struct text name, file;
    union code a, b, *both[] = {&a, &b}, *swapped[] = {&b, &a};
    struct stack_record record;
    uint32_t first, again, other;
    uint64_t step = 1;

    (void)state;
    write_text(&name, "parse");
    write_text(&file, "crawl.py");
    write_code(&a, &name, &file, 88, 0);
    write_code(&b, &name, &file, 90, 0);
    record = record_of(both, 2, 1);
    assert_int_equal(stack_table_add(table, &record, &image, &first, &step), 0);
    assert_int_equal(step, 0);
    assert_int_equal(stack_table_add(table, &record, &image, &again, &step), 0);
    record = record_of(swapped, 2, 1);
    assert_int_equal(stack_table_add(table, &record, &image, &other, &step), 0);
    assert_int_equal(first, again);
    assert_int_not_equal(first, other);
    assert_int_equal(stack_table_depth(table, first), 2);
    assert_string_equal(stack_table_frame(table, first, 0).function, "parse");
    assert_int_equal(stack_table_frame(table, first, 0).line, 88);
    assert_int_equal(stack_table_place(table, first), STACK_OUTSIDE_LOOP);
    stack_table_free(table);
}

/* What lies at an address is looked at again from time to time: a new function may have moved in. */
static void a_reused_address_gets_its_new_name(void **state)
{
    struct stack_table *table = stack_table_new();
    struct text old, new, file;
    union code code, *codes[] = {&code};
    uint32_t before, soon, later;
    struct stack_record record;
    uint64_t step;

    (void)state;
    write_text(&old, "old");
    write_text(&new, "new");
    write_text(&file, "crawl.py");
    write_code(&code, &old, &file, 5, 0);
    record = record_of(codes, 1, NSEC_PER_SEC);
    assert_int_equal(stack_table_add(table, &record, &image, &before, &step), 0);
    write_code(&code, &new, &file, 5, 0);
    record = record_of(codes, 1, NSEC_PER_SEC + 5 * NSEC_PER_MSEC);
    assert_int_equal(stack_table_add(table, &record, &image, &soon, &step), 0);
    assert_int_equal(soon, before); /* looking every time would cost more than it is worth */
    record = record_of(codes, 1, NSEC_PER_SEC + 15 * NSEC_PER_MSEC); /* objects come and go while a program starts */
    assert_int_equal(stack_table_add(table, &record, &image, &later, &step), 0);
    assert_int_not_equal(later, before);
    assert_string_equal(stack_table_frame(table, before, 0).function, "old");
    assert_string_equal(stack_table_frame(table, later, 0).function, "new");
    write_code(&code, &new, &file, 6, 0); /* the same name, another line: a lambda, say */
    record = record_of(codes, 1, 5 * NSEC_PER_SEC);
    assert_int_equal(stack_table_add(table, &record, &image, &soon, &step), 0);
    assert_int_equal(stack_table_frame(table, soon, 0).line, 6);
    stack_table_free(table);
}

/* A process forked from the one that was read first may have an object of its own at the same address. */
static void two_processes_may_differ_at_one_address(void **state)
{
    struct stack_table *table = stack_table_new();
    struct text old, new, file;
    union code code, *codes[] = {&code};
    struct stack_record record;
    uint32_t mine, theirs, gone;
    int ready[2];
    uint64_t step;
    pid_t child;
    char byte;

    (void)state;
    write_text(&old, "old");
    write_text(&new, "new");
    write_text(&file, "crawl.py");
    write_code(&code, &old, &file, 5, 0);
    record = record_of(codes, 1, 1);
    assert_int_equal(stack_table_add(table, &record, &image, &mine, &step), 0);
    assert_int_equal(pipe(ready), 0);
    child = fork();
    if (child == 0) {
        write_code(&code, &new, &file, 5, 0);
        (void)!write(ready[1], "x", 1);
        for (;;)
            (void)pause();
    }
    assert_true(child > 0);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    record.tgid = (uint32_t)child;
    assert_int_equal(stack_table_add(table, &record, &image, &theirs, &step), 0);
    (void)kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_string_equal(stack_table_frame(table, theirs, 0).function, "new");
    assert_string_equal(stack_table_frame(table, mine, 0).function, "old");
    record.time = 9 * NSEC_PER_SEC; /* it has ended: it can no more be asked, and nothing is forgotten */
    assert_int_equal(stack_table_add(table, &record, &image, &gone, &step), 0);
    assert_int_equal(gone, theirs);
    (void)close(ready[0]);
    (void)close(ready[1]);
    stack_table_free(table);
}

static void a_turn_is_known_by_its_outermost_coroutine(void **state)
{
    struct stack_table *table = stack_table_new();
    struct text names[5], loop_file, file, selector_file;
    union code code[5], *turn[] = {&code[0], &code[1], &code[2], &code[3], &code[4]};
    union code *callback[] = {&code[0], &code[3], &code[4]}, *waiting[] = {&code[0], &code[4]};
    struct stack_record record;
    uint32_t stack;
    uint64_t step;

    (void)state;
    write_text(&loop_file, "/usr/lib/python3.11/asyncio/base_events.py");
    write_text(&selector_file, "/usr/lib/python3.11/selectors.py");
    write_text(&file, "app.py");
    for (size_t i = 0; i < 5; i++)
        write_text(&names[i], ((const char *[]){"blocking", "inner", "outer", "_run", "BaseEventLoop._run_once"})[i]);
    write_code(&code[0], &names[0], &file, 1, 0);
    write_code(&code[1], &names[1], &file, 10, 0x80);
    write_code(&code[2], &names[2], &file, 20, 0x80);
    write_code(&code[3], &names[3], &file, 30, 0);
    write_code(&code[4], &names[4], &loop_file, 1800, 0);
    record = record_of(turn, 5, 1);
    assert_int_equal(stack_table_add(table, &record, &image, &stack, &step), 0);
    assert_int_equal(stack_table_place(table, stack), STACK_IN_TURN);
    assert_int_equal(step, 1002);
    record = record_of(callback, 3, 1); /* no coroutine: a plain callback */
    assert_int_equal(stack_table_add(table, &record, &image, &stack, &step), 0);
    assert_int_equal(stack_table_place(table, stack), STACK_IN_TURN);
    assert_int_equal(step, 1001);
    write_text(&names[0], "EpollSelector.select");
    write_code(&code[0], &names[0], &selector_file, 1, 0);
    record = record_of(waiting, 2, 3 * NSEC_PER_SEC);
    assert_int_equal(stack_table_add(table, &record, &image, &stack, &step), 0);
    assert_int_equal(stack_table_place(table, stack), STACK_IN_SELECTOR);
    assert_int_equal(step, 0);
    stack_table_free(table);
}

static void what_can_not_be_read_is_refused(void **state)
{
    struct stack_table *table = stack_table_new();
    struct stack_record record = {.id = 1, .tgid = (uint32_t)getpid(), .n_frames = 60000};
    uint32_t stack = 7;
    uint64_t step = 7;

    (void)state;
    for (size_t i = 0; i < STACK_DEPTH; i++)
        record.code[i] = 16 + i;
    assert_int_equal(stack_table_add(table, &record, &image, &stack, &step), -ESRCH);
    record.n_frames = 0;
    assert_int_equal(stack_table_add(table, &record, &image, &stack, &step), -ESRCH);
    assert_int_equal(stack, 7);
    assert_int_equal(step, 7);
    stack_table_free(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(equal_stacks_are_one, set_up),
        cmocka_unit_test_setup(a_reused_address_gets_its_new_name, set_up),
        cmocka_unit_test_setup(two_processes_may_differ_at_one_address, set_up),
        cmocka_unit_test_setup(a_turn_is_known_by_its_outermost_coroutine, set_up),
        cmocka_unit_test_setup(what_can_not_be_read_is_refused, set_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
