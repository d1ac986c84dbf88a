/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/base.h"
#include "base/parse.h"

static void parse_u64_takes_only_plain_numbers_in_range(void **state)
{
    uint64_t value = 7;

    (void)state;
    assert_int_equal(parse_u64("12", 1, 100, &value), 0);
    assert_int_equal(value, 12);
    assert_int_equal(parse_u64("0", 1, 100, &value), -ERANGE);
    assert_int_equal(parse_u64("100", 1, 100, &value), 0);
    assert_int_equal(parse_u64("101", 1, 100, &value), -ERANGE);
    assert_int_equal(value, 100);
    assert_int_equal(parse_u64("99999999999999999999999", 0, UINT64_MAX, &value), -ERANGE);

    static const char *const broken[] = {"", " 1", "-1", "+1", "1x", "0x10", "1.5", "one"};
    for (size_t i = 0; i < ARRAY_SIZE(broken); i++)
        assert_int_equal(parse_u64(broken[i], 0, UINT64_MAX, &value), -EINVAL);
    assert_int_equal(parse_u64(NULL, 0, 1, &value), -EINVAL);
    assert_int_equal(value, 100);
}

static void parse_duration_knows_its_units(void **state)
{
    static const struct {
        const char *text;
        uint64_t ns;
    } good[] = {
        {"3", 3 * NSEC_PER_SEC},
        {"10s", 10 * NSEC_PER_SEC},
        {"500ms", 500 * NSEC_PER_MSEC},
        {"20us", 20 * NSEC_PER_USEC},
        {"7ns", 7},
        {"1.5s", 1500 * NSEC_PER_MSEC},
        {"2m", 120 * NSEC_PER_SEC},
        {"1h", 3600 * NSEC_PER_SEC},
    };
    static const char *const broken[] = {"", "s", "-1s", "1 s", "1sec", "1..5s", "inf", "nan", "0x10s", "1e9s"};
    uint64_t ns = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        assert_int_equal(parse_duration_ns(good[i].text, &ns), 0);
        assert_int_equal(ns, good[i].ns);
    }
    for (size_t i = 0; i < ARRAY_SIZE(broken); i++)
        assert_int_equal(parse_duration_ns(broken[i], &ns), -EINVAL);
    assert_int_equal(parse_duration_ns("0s", &ns), -ERANGE);
    assert_int_equal(parse_duration_ns("9000h", &ns), -ERANGE);
    assert_int_equal(ns, 3600 * NSEC_PER_SEC);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parse_u64_takes_only_plain_numbers_in_range),
        cmocka_unit_test(parse_duration_knows_its_units),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
