/* SPDX-License-Identifier: BSD-2-Clause */

/* News of mappings, forks and execs, in the order they were made and in others. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/base.h"
#include "probe/follow/run_state.h"
#include "probe/sites/spaces.h"
#include "probe/symbols/mappings.h"
#include "probe/wire.h"

#define SECOND NSEC_PER_SEC

static struct run_state run;

static int set_up(void **state)
{
    (void)state;
    return run_state_init(&run, 100);
}

static int tear_down(void **state)
{
    (void)state;
    run_state_clear(&run);
    return 0;
}

static void map(struct run_process *process, uint64_t time, uint64_t start, const char *path)
{
    union {
        struct wire_mapping mapping;
        uint8_t bytes[128];
    } message = {.mapping = {.time = time, .start = start, .tgid = process->tgid, .size = sizeof(message)}};

    message.mapping.length = start ? 0x1000 : 0; /* 0: an exec begins */
    strcpy(message.mapping.path, path);
    assert_int_equal(spaces_add(&run, process, &message.mapping), 0);
}

static bool has(const struct run_process *process, uint64_t address)
{
    return mappings_find(process->space->mappings, address) != NULL;
}

static void a_child_shares_until_it_maps_something(void **state)
{
    struct run_process *parent = run_state_new_process(&run, 10, 0, 1), *child;

    (void)state;
    map(parent, 1, 0x10000, "/bin/a");
    child = run_state_new_process(&run, 11, 10, 2);
    parent = run_state_find_process(&run, 10);
    spaces_fork(&run, child, parent, NULL, 2);
    assert_ptr_equal(child->space, parent->space);
    map(child, 3, 0x20000, "/lib/b");
    assert_ptr_not_equal(child->space, parent->space);
    assert_true(has(child, 0x10000) && has(child, 0x20000));
    assert_false(has(parent, 0x20000));
}

/* One CPU's ring is read before the other's: the child's own news comes before its birth. */
static void news_before_the_fork_is_kept(void **state)
{
    struct run_process *parent = run_state_new_process(&run, 10, 0, 1), *child;
    const struct run_space *before;

    (void)state;
    map(parent, 1, 0x10000, "/bin/a");
    child = run_state_new_process(&run, 11, 0, 5);
    map(child, 5, 0x20000, "/lib/b");
    before = child->space;
    spaces_fork(&run, child, run_state_find_process(&run, 10), before, 4);
    assert_true(has(child, 0x10000) && has(child, 0x20000));
    assert_false(has(run_state_find_process(&run, 10), 0x20000));
}

/* An exec is reported when its first mappings have been made. */
static void an_exec_forgets_what_came_before_but_its_own_mappings(void **state)
{
    struct run_process *process = run_state_new_process(&run, 10, 0, 1);
    const struct run_space *old;

    (void)state;
    map(process, SECOND, 0x10000, "/bin/a");
    map(process, 2 * SECOND, 0x20000, "/bin/b");
    old = process->space;
    spaces_exec(&run, process, 2 * SECOND + 1000);
    assert_ptr_not_equal(process->space, old);
    assert_false(has(process, 0x10000));
    assert_true(has(process, 0x20000));
    assert_non_null(mappings_find(old->mappings, 0x10000)); /* stacks taken before refer to it */
    map(process, 2 * SECOND + 2000, 0x30000, "/lib/c");
    assert_true(has(process, 0x30000));
}

/* Where the kernel says when the exec began, nothing has to be guessed, and it is one exec all the same. */
static void a_marked_exec_begins_at_its_mark(void **state)
{
    struct run_process *process = run_state_new_process(&run, 10, 0, 1);
    const struct run_space *begun;

    (void)state;
    map(process, SECOND, 0x10000, "/bin/a");
    map(process, SECOND + 10, 0, "");
    begun = process->space;
    assert_false(has(process, 0x10000));
    map(process, SECOND + 20, 0x20000, "/bin/b");
    spaces_exec(&run, process, SECOND + 30);
    assert_ptr_equal(process->space, begun);
    assert_true(has(process, 0x20000));
    map(process, SECOND + 40, 0, "");
    map(process, SECOND + 50, 0x30000, "/bin/c");
    begun = process->space;
    spaces_exec(&run, process, SECOND + 30); /* a whole round of mappings comes before its records */
    spaces_exec(&run, process, SECOND + 60);
    assert_ptr_equal(process->space, begun);
    assert_true(has(process, 0x30000));
    spaces_exec(&run, process, 9 * SECOND); /* the next one was not told of */
    assert_ptr_not_equal(process->space, begun);
}

static void maps_are_read_where_nobody_tells(void **state)
{
    struct run_process *process = run_state_new_process(&run, (uint32_t)getpid(), 0, 1);
    uint64_t here = (uintptr_t)&maps_are_read_where_nobody_tells;

    (void)state;
    spaces_exec(&run, process, SECOND);
    assert_false(has(process, here));
    spaces_read(&run, SECOND); /* the loader is not done */
    assert_false(has(process, here));
    spaces_read(&run, SECOND + SECOND / 100);
    assert_true(has(process, here));
    assert_int_equal(process->space->reads, 1);
    spaces_read(&run, SECOND + SECOND / 50);
    assert_int_equal(process->space->reads, 1);
    spaces_read(&run, 3 * SECOND);
    spaces_read(&run, 9 * SECOND);
    assert_int_equal(process->space->reads, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_child_shares_until_it_maps_something, set_up, tear_down),
        cmocka_unit_test_setup_teardown(news_before_the_fork_is_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_exec_forgets_what_came_before_but_its_own_mappings, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_marked_exec_begins_at_its_mark, set_up, tear_down),
        cmocka_unit_test_setup_teardown(maps_are_read_where_nobody_tells, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
