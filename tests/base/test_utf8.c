/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/base.h"
#include "base/utf8.h"

static void decode_knows_the_limits_of_each_length(void **state)
{
    static const struct {
        const char *text;
        size_t length;
        uint32_t code;
    } cases[] = {
        {"a", 1, 'a'},
        {"\x7f", 1, 0x7f},
        {"\x80", 0, 0},
        {"\xc2\x80", 2, 0x80},
        {"\xc0\x80", 0, 0}, /* overlong */
        {"\xc1\xbf", 0, 0},
        {"\xdf\xbf", 2, 0x7ff},
        {"\xe0\xa0\x80", 3, 0x800},
        {"\xe0\x9f\xbf", 0, 0}, /* overlong */
        {"\xed\x9f\xbf", 3, 0xd7ff},
        {"\xed\xa0\x80", 0, 0}, /* surrogate */
        {"\xed\xbf\xbf", 0, 0},
        {"\xee\x80\x80", 3, 0xe000},
        {"\xf0\x90\x80\x80", 4, 0x10000},
        {"\xf0\x8f\xbf\xbf", 0, 0}, /* overlong */
        {"\xf4\x8f\xbf\xbf", 4, 0x10ffff},
        {"\xf4\x90\x80\x80", 0, 0}, /* beyond Unicode */
        {"\xf8\x88\x80\x80\x80", 0, 0},
        {"\xff", 0, 0},
        {"\xe2\x82", 0, 0}, /* cut off */
        {"\xe2(\xa1", 0, 0},
        {"\xc3", 0, 0},
    };
    uint32_t code = 7;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        code = 7;
        assert_int_equal(utf8_decode(cases[i].text, strlen(cases[i].text), &code), cases[i].length);
        assert_int_equal(code, cases[i].length ? cases[i].code : 7);
    }
    assert_int_equal(utf8_decode("\0", 1, &code), 1);
    assert_int_equal(code, 0);
    assert_int_equal(utf8_decode("", 0, &code), 0);
    assert_int_equal(utf8_decode("\xc2\x80", 1, &code), 0); /* never beyond n */
}

/* Both sides of each kind that can do harm. */
static void what_acts_is_unsafe(void **state)
{
    static const uint32_t unsafe[] = {0,      0x1b,   0x1f,    0x7f,    0x80,    0x9b,    0x9f,    0xad,    0x61c,
                                      0x115f, 0x180e, 0x200b,  0x200c,  0x200d,  0x200e,  0x200f,  0x2028,  0x2029,
                                      0x202a, 0x202e, 0x2060,  0x2066,  0x2069,  0x206f,  0x2800,  0x3164,  0xd800,
                                      0xdfff, 0xe000, 0xf8ff,  0xfdd0,  0xfdef,  0xfe0f,  0xfeff,  0xffa0,  0xfffb,
                                      0xfffe, 0xffff, 0x1fffe, 0x1ffff, 0x2fffe, 0xe0001, 0xe0041, 0xf0000, 0x10ffff};
    static const uint32_t safe[] = {' ',    '~',    0xa0,   0xac,    0xae,    0x61b,   0x61d,  0x200a, 0x2010,
                                    0x2027, 0x202f, 0x205f, 0x2070,  0x27ff,  0x2801,  0xd7ff, 0xf900, 0xfdf0,
                                    0xfe10, 0xfffc, 0xfffd, 0x10000, 0x1f600, 0x20000, 0x1fffd};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(unsafe); i++)
        assert_true(utf8_unsafe(unsafe[i]));
    for (size_t i = 0; i < ARRAY_SIZE(safe); i++)
        assert_false(utf8_unsafe(safe[i]));
}

static void a_cut_leaves_code_points_whole(void **state)
{
    (void)state;
    assert_int_equal(utf8_cut("abc", 4), 3);
    assert_int_equal(utf8_cut("abc", 3), 3);
    assert_int_equal(utf8_cut("abc", 2), 2);
    assert_int_equal(utf8_cut("", 2), 0);
    assert_int_equal(utf8_cut("a\xe4\xb8\xad", 4), 4);
    assert_int_equal(utf8_cut("a\xe4\xb8\xad", 3), 1);
    assert_int_equal(utf8_cut("a\xe4\xb8\xad"
                              "b",
                              2),
                     1);
    assert_int_equal(utf8_cut("\xff\xff\xff", 2), 2);
    assert_int_equal(utf8_cut("\xad\xad\xad", 2), 0); /* no beginning to go back to */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decode_knows_the_limits_of_each_length),
        cmocka_unit_test(what_acts_is_unsafe),
        cmocka_unit_test(a_cut_leaves_code_points_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
