/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "analyzer/words.h"

static void numbers_are_short(void **state)
{
    static const struct {
        double value;
        const char *unit;
        const char *text;
    } cases[] = {
        {0.81, "share", "81 %"}, {0.004, "share", "0.4 %"}, {0, "share", "0 %"},     {1, "bool", "yes"},
        {0, "bool", "no"},       {12.41e9, "ns", "12.4 s"}, {1.24e9, "ns", "1.2 s"}, {3.2e6, "ns", "3.2 ms"},
        {100e6, "ns", "100 ms"}, {800e3, "ns", "800 us"},   {12, "ns", "12 ns"},     {700e9, "ns", "700 s"},
        {1234, "count", "1234"}, {3.14, "ratio", "3.1"},    {123.4, "ratio", "123"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char buffer[WORDS_NUMBER];

        assert_string_equal(words_value(cases[i].value, cases[i].unit, buffer), cases[i].text);
    }
}

static void lists_grow(void **state)
{
    char **list = NULL;
    size_t n = 0;

    (void)state;
    for (int i = 0; i < 20; i++)
        assert_int_equal(words_append(&list, &n, "item %d", i), 0);
    assert_int_equal(n, 20);
    assert_string_equal(list[19], "item 19");
    for (size_t i = 0; i < n; i++)
        free(list[i]);
    free(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_short),
        cmocka_unit_test(lists_grow),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
