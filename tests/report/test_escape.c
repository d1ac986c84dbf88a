/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/base.h"
#include "report/buffer.h"
#include "report/escape.h"

static void names_become_printable(void **state)
{
    static const struct {
        const char *raw;
        const char *utf8;
        const char *ascii;
    } cases[] = {
        {"", "", ""},
        {"plain ~name!", "plain ~name!", "plain ~name!"},
        {"\033[31mred", "\\x1b[31mred", "\\x1b[31mred"},
        {"a\nb\tc\rd", "a\\x0ab\\x09c\\x0dd", "a\\x0ab\\x09c\\x0dd"},
        {"del\x7f", "del\\x7f", "del\\x7f"},
        {"\x1f \x20", "\\x1f  ", "\\x1f  "},
        /* C1 as a raw byte, and as UTF-8 */
        {"\x9b"
         "0m",
         "\\x9b0m", "\\x9b0m"},
        {"\xc2\x9b"
         "0m",
         "\\u{9b}0m", "\\u{9b}0m"},
        {"\xc2\xa0", "\xc2\xa0", "\\u{a0}"},
        /* each bidi range on both sides */
        {"\xe2\x80\xa9", "\\u{2029}", "\\u{2029}"},
        {"\xe2\x80\xaa\xe2\x80\xae", "\\u{202a}\\u{202e}", "\\u{202a}\\u{202e}"},
        {"\xe2\x80\xaf", "\xe2\x80\xaf", "\\u{202f}"},
        {"\xe2\x81\xa6\xe2\x81\xa9", "\\u{2066}\\u{2069}", "\\u{2066}\\u{2069}"},
        {"\xe2\x81\xb0", "\xe2\x81\xb0", "\\u{2070}"},
        {"\xe2\x80\x8e\xe2\x80\x8f", "\\u{200e}\\u{200f}", "\\u{200e}\\u{200f}"},
        {"\xe2\x80\x90", "\xe2\x80\x90", "\\u{2010}"},
        {"\xef\xbb\xbf", "\\u{feff}", "\\u{feff}"},
        {"\xf3\xa0\x81\x81", "\\u{e0041}", "\\u{e0041}"},
        /* fine where the terminal knows UTF-8 */
        {"caf\xc3\xa9 \xe4\xb8\xad \xf0\x9f\x98\x80", "caf\xc3\xa9 \xe4\xb8\xad \xf0\x9f\x98\x80",
         "caf\\u{e9} \\u{4e2d} \\u{1f600}"},
        /* not UTF-8: stray, truncated, overlong, surrogate, too large */
        {"\xff\xfe", "\\xff\\xfe", "\\xff\\xfe"},
        {"\xc3", "\\xc3", "\\xc3"},
        {"\xe4\xb8", "\\xe4\\xb8", "\\xe4\\xb8"},
        {"\xc0\x80", "\\xc0\\x80", "\\xc0\\x80"},
        {"\xe0\x9f\xbf", "\\xe0\\x9f\\xbf", "\\xe0\\x9f\\xbf"},
        {"\xed\xa0\x80", "\\xed\\xa0\\x80", "\\xed\\xa0\\x80"},
        {"\xed\x9f\xbf", "\xed\x9f\xbf", "\\u{d7ff}"},
        {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80", "\\xf4\\x90\\x80\\x80"},
        {"\xf8\x88\x80\x80\x80", "\\xf8\\x88\\x80\\x80\\x80", "\\xf8\\x88\\x80\\x80\\x80"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        AUTO_BUFFER utf8 = {0}, ascii = {0};

        escape_terminal(&utf8, cases[i].raw, true);
        escape_terminal(&ascii, cases[i].raw, false);
        assert_string_equal(buffer_text(&utf8), cases[i].utf8);
        assert_string_equal(buffer_text(&ascii), cases[i].ascii);
    }
}

static void null_is_nothing_and_fields_need_no_terminator(void **state)
{
    static const char full[4] = {'a', 'b', 'c', 'd'};
    AUTO_BUFFER b = {0};

    (void)state;
    escape_terminal(&b, NULL, true);
    assert_string_equal(buffer_text(&b), "");
    escape_terminal_field(&b, full, sizeof(full), true);
    assert_string_equal(buffer_text(&b), "abcd");
}

static void json_strings_are_valid_utf8(void **state)
{
    AUTO_BUFFER b = {0};

    (void)state;
    escape_utf8(&b, "\033\xe4\xb8\xad\xff\xe2\x80\xae", 8);
    assert_string_equal(buffer_text(&b), "\033\xe4\xb8\xad\\xff\xe2\x80\xae");
    buffer_reset(&b);
    escape_utf8(&b, "\xe4\xb8\xad", 2);
    assert_string_equal(buffer_text(&b), "\\xe4\\xb8");
}

static void columns_count_wide_and_combining_characters(void **state)
{
    size_t used = 9;

    (void)state;
    assert_int_equal(escape_columns(""), 0);
    assert_int_equal(escape_columns("abc"), 3);
    assert_int_equal(escape_columns("\xe4\xb8\xad"
                                    "x"),
                     3);
    assert_int_equal(escape_columns("e\xcc\x81"), 1);

    assert_int_equal(escape_fit("abc", 3, &used), 3);
    assert_int_equal(used, 3);
    assert_int_equal(escape_fit("abc", 2, &used), 2);
    assert_int_equal(escape_fit("abc", 0, NULL), 0);
    /* a wide character does not fit into the one column left */
    assert_int_equal(escape_fit("a\xe4\xb8\xad", 2, &used), 1);
    assert_int_equal(used, 1);
    assert_int_equal(escape_fit("a\xe4\xb8\xad", 3, &used), 4);
    assert_int_equal(used, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_become_printable),
        cmocka_unit_test(null_is_nothing_and_fields_need_no_terminator),
        cmocka_unit_test(json_strings_are_valid_utf8),
        cmocka_unit_test(columns_count_wide_and_combining_characters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
