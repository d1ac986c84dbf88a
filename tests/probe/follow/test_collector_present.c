/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/base.h"
#include "probe/follow/collector.h"
#include "probe/follow/collector_present.h"

/* Numbers that no process has: nothing of them is in /proc. */
#define ROOT 5000000u
#define CHILD 5000100u
#define BEGIN UINT64_C(123456789)

static struct slot present(uint32_t tid, uint32_t tgid, uint32_t parent)
{
    return (struct slot){.tid = tid, .tgid = tgid, .parent_tid = parent, .birth = BEGIN, .is_process = tid == tgid};
}

static void threads_and_processes_get_rows(void **state)
{
    const struct slot slots[] = {
        present(ROOT, ROOT, 0),           present(ROOT + 1, ROOT, ROOT),    present(CHILD, CHILD, ROOT + 1),
        present(CHILD + 1, CHILD, CHILD), present(CHILD + 2, CHILD, CHILD),
    };
    const struct run_process *root, *child;
    struct collector c;

    (void)state;
    assert_int_equal(collector_init(&c, (pid_t)ROOT, -1, 1000), 0);
    collector_take_present(&c, slots, ARRAY_SIZE(slots));
    assert_int_equal(c.released_ns, BEGIN);
    assert_int_equal(c.state.n_threads, 5);
    for (size_t i = 0; i < ARRAY_SIZE(slots); i++) {
        const struct run_thread *thread = run_state_find_thread(&c.state, slots[i].tid);

        assert_non_null(thread);
        assert_int_equal(thread->tgid, slots[i].tgid);
        assert_int_equal(thread->parent_tid, slots[i].parent_tid);
        assert_int_equal(thread->birth, BEGIN);
    }
    root = run_state_find_process(&c.state, ROOT);
    child = run_state_find_process(&c.state, CHILD);
    assert_int_equal(c.state.n_processes, 2);
    assert_int_equal(root->threads, 2);
    assert_int_equal(root->parent_tgid, 0);
    assert_int_equal(child->threads, 3);
    assert_int_equal(child->parent_tgid, ROOT);
    /* What they have mapped, and which runtime they are, is to be looked up soon. */
    assert_non_null(root->space);
    assert_non_null(child->space);
    assert_ptr_not_equal(root->space, child->space);
    assert_true(root->next_look > 0 && child->next_look > 0);
    collector_clear(&c);
}

/* Many threads come in several messages, and parents need not come first. */
static void messages_may_split_a_process(void **state)
{
    const struct slot first[] = {present(CHILD, CHILD, ROOT), present(ROOT, ROOT, 0)};
    const struct slot second[] = {present(CHILD + 1, CHILD, CHILD), present(ROOT + 1, ROOT, ROOT)};
    struct collector c;

    (void)state;
    assert_int_equal(collector_init(&c, (pid_t)ROOT, -1, 1000), 0);
    collector_take_present(&c, first, ARRAY_SIZE(first));
    collector_take_present(&c, second, ARRAY_SIZE(second));
    assert_int_equal(c.state.n_processes, 2);
    assert_int_equal(run_state_find_process(&c.state, ROOT)->threads, 2);
    assert_int_equal(run_state_find_process(&c.state, CHILD)->threads, 2);
    assert_int_equal(run_state_find_process(&c.state, CHILD)->parent_tgid, ROOT);
    collector_clear(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_and_processes_get_rows),
        cmocka_unit_test(messages_may_split_a_process),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
