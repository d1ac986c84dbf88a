/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/base.h"
#include "probe/measurement_text.h"

static void utf8_length_knows_the_limits_of_each_length(void **state)
{
    static const struct {
        const char *text;
        size_t length;
    } cases[] = {
        {"", 0},
        {"a", 1},
        {"\x7f", 1},
        {"\x80", 0},
        {"\xc2\x80", 2},
        {"\xc1\xbf", 0}, /* overlong */
        {"\xdf\xbf", 2},
        {"\xe0\xa0\x80", 3},
        {"\xe0\x9f\xbf", 0}, /* overlong */
        {"\xed\x9f\xbf", 3},
        {"\xed\xa0\x80", 0}, /* surrogate */
        {"\xed\xbf\xbf", 0},
        {"\xee\x80\x80", 3},
        {"\xf0\x90\x80\x80", 4},
        {"\xf0\x8f\xbf\xbf", 0}, /* overlong */
        {"\xf4\x8f\xbf\xbf", 4},
        {"\xf4\x90\x80\x80", 0}, /* beyond Unicode */
        {"\xf8\x88\x80\x80\x80", 0},
        {"\xe2\x82", 0}, /* cut off */
        {"\xc3", 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        assert_int_equal(measurement_text_utf8_length(cases[i].text), cases[i].length);
}

static void escape_keeps_utf8_readable_and_marks_the_rest(void **state)
{
    static const struct {
        const char *raw;
        const char *escaped;
    } cases[] = {
        {"", ""},
        {"plain", "plain"},
        {"100 %", "100 %25"},
        {"\x1b[31m\n", "\x1b[31m\n"},
        {"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f"},
        {"\xff\xfe", "%FF%FE"},
        {"a\xc3", "a%C3"},
        {"\xed\xa0\x80", "%ED%A0%80"},
        {"%41", "%2541"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        AUTO_FREE char *escaped = measurement_text_escape(cases[i].raw);
        AUTO_FREE char *raw = NULL;

        assert_string_equal(escaped, cases[i].escaped);
        assert_int_equal(measurement_text_unescape(escaped, &raw), 0);
        assert_string_equal(raw, cases[i].raw);
    }
}

static void every_byte_survives(void **state)
{
    (void)state;
    for (int first = 1; first < 256; first++) {
        for (int second = 1; second < 256; second++) {
            const char raw[] = {(char)first, (char)second, '\0'};
            AUTO_FREE char *escaped = measurement_text_escape(raw);
            AUTO_FREE char *back = NULL;

            for (const char *c = escaped; *c; c += measurement_text_utf8_length(c))
                assert_int_not_equal(measurement_text_utf8_length(c), 0);
            assert_int_equal(measurement_text_unescape(escaped, &back), 0);
            assert_string_equal(back, raw);
        }
    }
}

static void unescape_refuses_broken_escapes(void **state)
{
    static const char *const broken[] = {"%", "%4", "%4g", "%g4", "x%", "%00", "%%25", "% 41"};
    AUTO_FREE char *raw = NULL;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(broken); i++)
        assert_int_equal(measurement_text_unescape(broken[i], &raw), -EBADMSG);
    assert_null(raw);
    assert_int_equal(measurement_text_unescape("%01%fF", &raw), 0);
    assert_string_equal(raw, "\x01\xff");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(utf8_length_knows_the_limits_of_each_length),
        cmocka_unit_test(escape_keeps_utf8_readable_and_marks_the_rest),
        cmocka_unit_test(every_byte_survives),
        cmocka_unit_test(unescape_refuses_broken_escapes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
