/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "analyzer/statistics.h"
#include "base/base.h"

static void medians(void **state)
{
    static const uint64_t odd[] = {5, 1, 9}, even[] = {4, 1, 9, 6};

    (void)state;
    assert_true(statistics_median(odd, 3) == 5.0);
    assert_true(statistics_median(even, 4) == 5.0);
    assert_true(statistics_median(odd, 0) == 0.0);
}

static void few_samples_give_their_whole_range(void **state)
{
    static const uint64_t samples[] = {100, 110, 90, 105, 95};
    struct statistics_estimate e = {0};

    (void)state;
    assert_int_equal(statistics_estimate(samples, 5, &e), 0);
    assert_true(e.value == 100.0 && e.low == 90.0 && e.high == 110.0);
    assert_int_equal(statistics_estimate(samples, 0, &e), -EINVAL);
}

/* Order statistics for n = 10 are the 2nd and the 9th (coverage 97.9 %), for n = 8 still the extremes (99.2 %). */
static void ranks_follow_the_binomial_distribution(void **state)
{
    static const uint64_t samples[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    struct statistics_estimate e = {0};

    (void)state;
    assert_int_equal(statistics_estimate(samples, 10, &e), 0);
    assert_true(e.low == 2.0 && e.high == 9.0);
    assert_int_equal(statistics_estimate(samples, 8, &e), 0);
    assert_true(e.low == 1.0 && e.high == 8.0);
    assert_int_equal(statistics_estimate(samples, 9, &e), 0);
    assert_true(e.low == 2.0 && e.high == 8.0);
}

static void ratios_hold_their_value_and_repeat(void **state)
{
    static const uint64_t above[] = {200, 202, 198, 201, 199}, below[] = {100, 101, 99, 100, 100};
    struct statistics_estimate a = {0}, b = {0};
    uint64_t zero = 0;

    (void)state;
    assert_int_equal(statistics_ratio(above, 5, below, 5, &a), 0);
    assert_true(a.value == 2.0 && a.low <= 2.0 && a.high >= 2.0 && a.low > 1.9 && a.high < 2.1);
    assert_int_equal(statistics_ratio(above, 5, below, 5, &b), 0);
    assert_memory_equal(&a, &b, sizeof(a));
    assert_int_equal(statistics_ratio(above, 5, &zero, 1, &a), -EINVAL);
    assert_int_equal(statistics_ratio(above, 0, below, 5, &a), -EINVAL);
}

static void ties_by_overlap_or_by_five_percent(void **state)
{
    struct statistics_estimate a = {2.0, 1.95, 2.05}, overlapping = {2.3, 2.04, 2.6}, close = {2.1, 2.09, 2.11},
                               apart = {2.12, 2.11, 2.13};

    (void)state;
    assert_true(statistics_tie(&a, &overlapping));
    assert_true(statistics_tie(&a, &close));
    assert_true(statistics_tie(&close, &a));
    assert_false(statistics_tie(&a, &apart));
}

/* Tables of the Mann-Whitney test: the critical value at 5 % is 2 for 5 and 5, 23 for 10 and 10, none for 3 and 3. */
static void independent_samples_follow_the_tables(void **state)
{
    uint64_t above[10], below[10];
    struct statistics_estimate e = {0};
    double confidence = 0.0;

    (void)state;
    for (size_t i = 0; i < 10; i++) {
        above[i] = 1000 + 10 * i;
        below[i] = 500 + i;
    }
    assert_int_equal(statistics_independent_ratio(above, 3, below, 3, &e, &confidence), 0);
    assert_true(confidence > 0.899 && confidence < 0.901);
    assert_true(e.low > 1000.0 / 502.0 - 1e-9 && e.low < 1000.0 / 502.0 + 1e-9);
    assert_true(e.high > 1020.0 / 500.0 - 1e-9 && e.high < 1020.0 / 500.0 + 1e-9);
    /* 4 and 4: 1 - 2 / 70; 5 and 5: the 3rd ratio, 1 - 2 * 4 / 252; 10 and 10: the 24th */
    assert_int_equal(statistics_independent_ratio(above, 4, below, 4, &e, &confidence), 0);
    assert_true(confidence > 1 - 2 / 70.0 - 1e-9 && confidence < 1 - 2 / 70.0 + 1e-9);
    assert_int_equal(statistics_independent_ratio(above, 5, below, 5, &e, &confidence), 0);
    assert_true(confidence > 1 - 8 / 252.0 - 1e-9 && confidence < 1 - 8 / 252.0 + 1e-9);
    assert_int_equal(statistics_independent_ratio(above, 10, below, 10, &e, &confidence), 0);
    assert_true(confidence >= 0.95 && confidence < 0.96);
    assert_true(e.value > e.low && e.value < e.high);
    assert_int_equal(statistics_independent_ratio(above, 0, below, 3, &e, &confidence), -EINVAL);
    below[1] = 0;
    assert_int_equal(statistics_independent_ratio(above, 3, below, 3, &e, &confidence), -EINVAL);
}

/* Same samples: the interval holds 1, and exact and approximate ranks meet where one takes over from the other. */
static void independent_samples_of_one_kind_tie(void **state)
{
    uint64_t samples[24];
    struct statistics_estimate exact = {0}, normal = {0};
    double confidence = 0.0;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(samples); i++)
        samples[i] = 1000 + i * 37 % 101;
    assert_int_equal(statistics_independent_ratio(samples, 20, samples, 20, &exact, &confidence), 0);
    assert_true(exact.low <= 1.0 && exact.high >= 1.0 && exact.value == 1.0 && confidence >= 0.95);
    assert_int_equal(statistics_independent_ratio(samples, 21, samples, 20, &normal, &confidence), 0);
    assert_true(normal.low < 1.0 && normal.high > 1.0);
    assert_true(normal.high - normal.low < 1.3 * (exact.high - exact.low));
    assert_true(normal.high - normal.low > 0.7 * (exact.high - exact.low));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(medians),
        cmocka_unit_test(few_samples_give_their_whole_range),
        cmocka_unit_test(ranks_follow_the_binomial_distribution),
        cmocka_unit_test(ratios_hold_their_value_and_repeat),
        cmocka_unit_test(independent_samples_follow_the_tables),
        cmocka_unit_test(independent_samples_of_one_kind_tie),
        cmocka_unit_test(ties_by_overlap_or_by_five_percent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
