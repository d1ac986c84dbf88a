/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/base.h"
#include "report/escape_width.h"

static void scripts_and_emoji_have_their_width(void **state)
{
    static const struct {
        uint32_t code;
        unsigned width;
    } cases[] = {
        {'a', 1},     {0xe9, 1},    {0x2ff, 1},   {0x300, 0},   {0x36f, 0},   {0x370, 1},   {0x5bf, 0},    {0x5d0, 1},
        {0x0e31, 0},  {0x0e32, 1},  {0x10ff, 1},  {0x1100, 2},  {0x1161, 0},  {0x1200, 1},  {0x20dd, 0},   {0x231b, 2},
        {0x231c, 1},  {0x3042, 2},  {0x4e2d, 2},  {0xac00, 2},  {0xd7a3, 2},  {0xfe20, 0},  {0xff01, 2},   {0xff61, 1},
        {0x1f600, 2}, {0x1f680, 2}, {0x1f6fc, 2}, {0x20000, 2}, {0x30000, 2}, {0x1d165, 1}, {0x10ffff, 1},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        assert_int_equal(escape_width(cases[i].code), cases[i].width);
}

/* The tables are searched by halves: an element out of order would hide others. */
static void ascii_is_one_column_and_nothing_is_wider_than_two(void **state)
{
    size_t count[3] = {0};

    (void)state;
    for (uint32_t code = ' '; code <= 0x10ffff; code++) {
        unsigned width = escape_width(code);

        assert_in_range(width, 0, 2);
        if (code < 0x300)
            assert_int_equal(width, 1);
        count[width]++;
    }
    assert_true(count[0] > 1800);
    assert_true(count[2] > 150000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scripts_and_emoji_have_their_width),
        cmocka_unit_test(ascii_is_one_column_and_nothing_is_wider_than_two),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
