/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "report/export/intern.h"

static uint64_t number(struct intern *intern, const char *text)
{
    uint64_t n = UINT64_MAX;

    assert_int_equal(intern_number(intern, text, &n), 0);
    return n;
}

static void equal_texts_share_a_number(void **state)
{
    struct intern intern = {0};

    (void)state;
    assert_int_equal(number(&intern, ""), 0);
    for (uint64_t round = 0; round < 2; round++) {
        for (uint64_t i = 1; i < 1000; i++) {
            char text[32];

            (void)snprintf(text, sizeof(text), "text %u", (unsigned)i);
            assert_int_equal(number(&intern, text), i);
            assert_string_equal(intern.texts[i], text);
        }
    }
    assert_int_equal(intern.n, 1000);
    intern_clear(&intern);
    assert_int_equal(number(&intern, "again"), 0);
    intern_clear(&intern);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_texts_share_a_number),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
