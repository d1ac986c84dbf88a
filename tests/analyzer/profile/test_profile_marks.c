/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "analyzer/profile/profile_marks.h"
#include "base/base.h"

/* Two pieces: CPU 0-10, wait 10-30; CPU 30-40, wait 40-100. */
static struct pieces two_pieces(void)
{
    struct pieces pieces = {.list = calloc(2, sizeof(struct piece)), .count = 2, .exact = true};

    assert_non_null(pieces.list);
    pieces.list[0] = (struct piece){.start_ns = 0, .cpu_ns = 10, .wait_ns = 20, .cause = CAUSE_SLEEP};
    pieces.list[1] = (struct piece){.start_ns = 30, .cpu_ns = 10, .wait_ns = 60, .cause = CAUSE_NETWORK};
    return pieces;
}

static void places_are_found(void **state)
{
    struct pieces pieces = two_pieces();
    struct piece_at at;

    (void)state;
    at = pieces_seek(&pieces, 0);
    assert_ptr_equal(at.piece, &pieces.list[0]);
    assert_int_equal(at.wait_ns, 10);
    assert_ptr_equal(pieces_seek(&pieces, 29).piece, &pieces.list[0]);
    at = pieces_seek(&pieces, 30);
    assert_ptr_equal(at.piece, &pieces.list[1]);
    assert_int_equal(at.wait_ns, 40);
    assert_null(pieces_next(&at).piece);
    assert_null(pieces_seek(&pieces, 100).piece);
    free(pieces.list);
}

/* CPU time used up in a life tells when; at the border of two pieces it is before the wait. */
static void cpu_time_tells_wall_time(void **state)
{
    static const struct {
        uint64_t cpu_ns, at_ns;
    } cases[] = {{0, 0}, {4, 4}, {10, 10}, {11, 31}, {20, 40}, {99, 40}};
    CLEANUP(pieces_clock_clear) struct pieces_clock clock = {0};
    struct pieces pieces = two_pieces();

    (void)state;
    assert_int_equal(pieces_clock_fill(&clock, &pieces), 0);
    assert_int_equal(pieces_clock_fill(&clock, &pieces), 0);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        assert_int_equal(pieces_clock_time(&clock, cases[i].cpu_ns), cases[i].at_ns);
    free(pieces.list);
}

/* Splitting keeps CPU and waits; a wait has the lock held when it begins. */
static void pieces_split_at_marks(void **state)
{
    static const struct piece_mark marks[] = {{.at_ns = 4, .lock = 1}, {.at_ns = 35}};
    static const struct piece_mark ends[] = {{.at_ns = 33, .ends_item = true}};
    static const uint16_t locks[] = {0, 1, 1, 0};
    struct pieces pieces = two_pieces();
    uint64_t cpu_ns = 0, wait_ns = 0;

    (void)state;
    assert_int_equal(pieces_apply_marks(&pieces, marks, ARRAY_SIZE(marks)), 0);
    assert_int_equal(pieces.count, 4);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pieces.list[i].lock, locks[i]);
    assert_int_equal(pieces.list[0].cpu_ns, 4);
    assert_int_equal(pieces.list[1].start_ns, 4);
    assert_int_equal(pieces.list[1].wait_ns, 20);
    assert_int_equal(pieces.list[2].cpu_ns, 5);
    assert_int_equal(pieces.list[3].wait_ns, 60);
    assert_int_equal(pieces.list[3].cause, CAUSE_NETWORK);
    /* Ends of items leave the locks alone. */
    assert_int_equal(pieces_apply_marks(&pieces, ends, ARRAY_SIZE(ends)), 0);
    assert_int_equal(pieces.count, 5);
    assert_true(pieces.list[2].ends_item);
    assert_int_equal(pieces.list[2].cpu_ns, 3);
    assert_int_equal(pieces.list[3].lock, 1);
    for (size_t i = 0; i < pieces.count; i++) {
        cpu_ns += pieces.list[i].cpu_ns;
        wait_ns += pieces.list[i].wait_ns;
    }
    assert_int_equal(cpu_ns, 20);
    assert_int_equal(wait_ns, 80);
    free(pieces.list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places_are_found),
        cmocka_unit_test(cpu_time_tells_wall_time),
        cmocka_unit_test(pieces_split_at_marks),
    };

    return cmocka_run_group_tests_name("analyzer/profile/marks", tests, NULL, NULL);
}
