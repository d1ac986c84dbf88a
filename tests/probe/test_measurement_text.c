/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/base.h"
#include "base/utf8.h"
#include "probe/measurement_text.h"

static void escape_keeps_utf8_readable_and_marks_the_rest(void **state)
{
    static const struct {
        const char *raw;
        const char *escaped;
    } cases[] = {
        {"", ""},
        {"plain", "plain"},
        {"100 %", "100 %25"},
        {"\x1b[31m\n", "%1B[31m%0A"},
        {"\xc2\x9b\x7f", "%C2%9B%7F"}, /* CSI as UTF-8, DEL */
        {"a\xe2\x80\xae"
         "b",
         "a%E2%80%AE"
         "b"}, /* right-to-left override */
        {"\xf3\xa0\x81\x81", "%F3%A0%81%81"},
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

/* Valid, and can be looked at. */
static void assert_all_plain(const char *text)
{
    uint32_t code = 0;

    for (size_t length; *text; text += length) {
        length = utf8_decode(text, strlen(text), &code);
        assert_int_not_equal(length, 0);
        assert_false(utf8_unsafe(code));
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

            assert_all_plain(escaped);
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
        cmocka_unit_test(escape_keeps_utf8_readable_and_marks_the_rest),
        cmocka_unit_test(every_byte_survives),
        cmocka_unit_test(unescape_refuses_broken_escapes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
