/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/base.h"
#include "probe/sites/joins.h"

static void what_is_taken_is_gone(void **state)
{
    struct joins *joins = joins_new();
    struct join join;

    (void)state;
    assert_non_null(joins);
    assert_false(joins_take(joins, 1, &join));
    joins_get(joins, 1)->stack.python = 100;
    joins_get(joins, 2)->stack.python = 200;
    joins_get(joins, 1)->waker.native = 7; /* the other half finds the first */
    assert_false(joins_take(joins, 0, &join));
    assert_true(joins_take(joins, 1, &join));
    assert_int_equal(join.stack.python, 100);
    assert_int_equal(join.stack.native, JOIN_NONE);
    assert_int_equal(join.waker.native, 7);
    assert_false(joins_take(joins, 1, &join));
    assert_true(joins_take(joins, 2, &join));
    joins_free(joins);
    joins_free(NULL);
}

/* A wait may last while many others come and go: only what nobody asks for is pushed out, the oldest first. */
static void what_nobody_asks_for_makes_room(void **state)
{
    struct joins *joins = joins_new();
    struct join join;
    uint32_t kept = 0;

    (void)state;
    joins_get(joins, 1)->tid = 4711;
    for (uint32_t id = 2; id < 20 * JOINS_MAX; id++) {
        (void)joins_get(joins, id);
        assert_true(joins_take(joins, id, &join));
    }
    assert_true(joins_take(joins, 1, &join));
    assert_int_equal(join.tid, 4711);
    for (uint32_t id = 1; id <= 4 * JOINS_MAX; id++)
        (void)joins_get(joins, id);
    assert_false(joins_take(joins, 1, &join));
    for (uint32_t id = 1; id <= 4 * JOINS_MAX; id++)
        kept += joins_take(joins, id, &join);
    assert_true(kept > JOINS_MAX / 2 && kept <= JOINS_MAX);
    joins_free(joins);
}

static void count(const struct join *join, void *userdata)
{
    uint32_t *sum = userdata;

    *sum += join->id;
}

/* The native half of a sample may come a message later, not a round. */
static void samples_wait_one_round_for_their_other_half(void **state)
{
    struct joins *joins = joins_new();
    uint32_t sum = 0;

    (void)state;
    assert_int_equal(joins_note_sample(joins, joins_get(joins, 1)), 0);
    assert_int_equal(joins_note_sample(joins, joins_get(joins, 1)), 0); /* the other half of the same */
    joins_flush(joins, false, count, &sum);
    assert_int_equal(sum, 0);
    assert_int_equal(joins_note_sample(joins, joins_get(joins, 10)), 0);
    joins_flush(joins, false, count, &sum);
    assert_int_equal(sum, 1);
    assert_int_equal(joins_note_sample(joins, joins_get(joins, 100)), 0);
    joins_flush(joins, true, count, &sum);
    assert_int_equal(sum, 111);
    joins_flush(joins, true, count, &sum);
    assert_int_equal(sum, 111);
    joins_free(joins);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_taken_is_gone),
        cmocka_unit_test(what_nobody_asks_for_makes_room),
        cmocka_unit_test(samples_wait_one_round_for_their_other_half),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
