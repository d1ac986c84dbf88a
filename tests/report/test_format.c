/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include "base/base.h"
#include "report/format.h"

static void durations_have_three_digits(void **state)
{
    static const struct {
        uint64_t ns;
        const char *text;
    } cases[] = {
        {0, "0 s"},
        {1, "1 ns"},
        {999, "999 ns"},
        {1000, "1.00 us"},
        {15000, "15.0 us"},
        {999499, "999 us"},
        {999500, "1.00 ms"},
        {3200000, "3.20 ms"},
        {640 * NSEC_PER_MSEC, "640 ms"},
        {999499999, "999 ms"},
        {999500000, "1.00 s"},
        {9994 * NSEC_PER_MSEC, "9.99 s"},
        {9995 * NSEC_PER_MSEC, "10.0 s"},
        {12410 * NSEC_PER_MSEC, "12.4 s"},
        {99949 * NSEC_PER_MSEC, "99.9 s"},
        {99950 * NSEC_PER_MSEC, "100 s"},
        {119499 * NSEC_PER_MSEC, "119 s"},
        {119500 * NSEC_PER_MSEC, "2 min 0 s"},
        {125 * NSEC_PER_SEC, "2 min 5 s"},
        {7199 * NSEC_PER_SEC, "119 min 59 s"},
        {7200 * NSEC_PER_SEC, "2 h 0 min"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        assert_string_equal(format_duration(cases[i].ns).text, cases[i].text);
    assert_string_equal(format_duration_fine(12410 * NSEC_PER_MSEC).text, "12.41 s");
    assert_string_equal(format_duration_fine(640200000).text, "640.20 ms");
    assert_string_equal(format_duration_fine(0).text, "0 s");
    assert_string_equal(format_duration_range((const uint64_t[]){3520 * NSEC_PER_MSEC, 3810 * NSEC_PER_MSEC}).text,
                        "3.52 - 3.81 s");
    assert_string_equal(format_duration_range((const uint64_t[]){900 * NSEC_PER_MSEC, 1100 * NSEC_PER_MSEC}).text,
                        "0.90 - 1.10 s");
}

static void shares_never_round_to_nothing_or_all(void **state)
{
    (void)state;
    assert_string_equal(format_share(0.0).text, "0 %");
    assert_string_equal(format_share(1e-9).text, "<1 %");
    assert_string_equal(format_share(0.00499).text, "<1 %");
    assert_string_equal(format_share(0.0051).text, "1 %");
    assert_string_equal(format_share(0.81).text, "81 %");
    assert_string_equal(format_share(0.9949).text, "99 %");
    assert_string_equal(format_share(0.9999).text, "99 %");
    assert_string_equal(format_share(1.0).text, "100 %");
    assert_string_equal(format_share(NAN).text, "0 %");
    assert_string_equal(format_share_of(1, 0).text, "0 %");
    assert_string_equal(format_share_of(1, 4).text, "25 %");
    assert_string_equal(format_share_fine(0.998).text, "99.8 %");
}

static void bytes_use_binary_prefixes(void **state)
{
    (void)state;
    assert_string_equal(format_bytes(0).text, "0 B");
    assert_string_equal(format_bytes(1023).text, "1023 B");
    assert_string_equal(format_bytes(1024).text, "1 K");
    assert_string_equal(format_bytes(96ull << 20).text, "96 M");
    assert_string_equal(format_bytes(1023ull << 20).text, "1023 M");
    assert_string_equal(format_bytes((1024ull << 20) - 1).text, "1.0 G");
    assert_string_equal(format_bytes(1536ull << 20).text, "1.5 G");
    assert_string_equal(format_bytes(UINT64_MAX).text, "16 E");
}

static void speedups_counts_and_numbers(void **state)
{
    (void)state;
    assert_string_equal(format_speedup(3.4).text, "3.40x");
    assert_string_equal(format_speedup(INFINITY).text, "0.00x");
    assert_string_equal(format_speedup_short(9.94).text, "9.9x");
    assert_string_equal(format_speedup_short(9.95).text, "10x");
    assert_string_equal(format_speedup_range((const double[]){3.2, 3.5}).text, "3.2-3.5x");
    assert_string_equal(format_speedup_range((const double[]){9.4, 12.3}).text, "9.4-12x");
    assert_string_equal(format_number(4.0).text, "4");
    assert_string_equal(format_number(0.5).text, "0.5");
    assert_string_equal(format_number(-0.001).text, "0");
    assert_string_equal(format_number(100.0).text, "100");
    assert_string_equal(format_number(NAN).text, "?");
    assert_string_equal(format_cores(0.964).text, "0.96");
    assert_string_equal(format_cores(12.34).text, "12.3");
    assert_string_equal(format_count(0).text, "0");
    assert_string_equal(format_count(999).text, "999");
    assert_string_equal(format_count(1000).text, "1,000");
    assert_string_equal(format_count(12300).text, "12,300");
    assert_string_equal(format_count(UINT64_MAX).text, "18,446,744,073,709,551,615");
}

static void metrics_follow_their_unit(void **state)
{
    (void)state;
    assert_string_equal(format_metric(0.81, "share").text, "81 %");
    assert_string_equal(format_metric(1e8, "ns").text, "100 ms");
    assert_string_equal(format_metric(-5.0, "ns").text, "0 s");
    assert_string_equal(format_metric(1e30, "bytes").text, "7.8 E");
    assert_string_equal(format_metric(10.0, "ratio").text, "10");
    assert_string_equal(format_metric(0.96, "ratio").text, "0.96");
    assert_string_equal(format_metric(1.0, "bool").text, "yes");
    assert_string_equal(format_metric(0.0, "bool").text, "no");
    assert_string_equal(format_metric(32.0, "count").text, "32");
    assert_string_equal(format_metric(2.5, "anything").text, "2.5");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_have_three_digits), cmocka_unit_test(shares_never_round_to_nothing_or_all),
        cmocka_unit_test(bytes_use_binary_prefixes),   cmocka_unit_test(speedups_counts_and_numbers),
        cmocka_unit_test(metrics_follow_their_unit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
