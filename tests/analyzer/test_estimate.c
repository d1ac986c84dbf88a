/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include "analyzer/calibrated.h"
#include "analyzer/estimate.h"

/* Whatever the constants are tuned to: value inside its intervals, scatter inside the interval of the forecast. */
static void check(const struct estimate *e)
{
    assert_true(e->time.low <= e->scatter.low && e->scatter.low <= e->time.value);
    assert_true(e->time.value <= e->scatter.high && e->scatter.high <= e->time.high);
    assert_true(fabs(e->time.value - e->scatter.value) < 1e-6);
    assert_true(e->time.low > 0.0);
}

static double width(const struct estimate *e)
{
    return log(e->time.high / e->time.low);
}

static void two_that_agree_are_joined(void **state)
{
    const struct estimate_source replay = {1000, 500, 0.99, 1.01}, simulation = {1000, 520, 1.0, 1.0};
    struct estimate e = estimate_combine(1000, &replay, &simulation);

    (void)state;
    check(&e);
    assert_true(e.time.value >= 500 - 1e-6 && e.time.value <= 520 + 1e-6);
}

/* A simulation that is wrong by a factor of ten moves what really ran no further than one that is close. */
static void the_replay_wins_where_they_disagree(void **state)
{
    const struct estimate_source replay = {1000, 500, 0.99, 1.01};
    const double most = 500 * (1.0 + CALIBRATED_CLOSE_SHARE);

    (void)state;
    for (double then_ns = 600; then_ns < 10000; then_ns *= 2) {
        const struct estimate_source simulation = {1000, then_ns, 1.0, 1.0};
        struct estimate e = estimate_combine(1000, &replay, &simulation);

        check(&e);
        assert_true(e.time.value >= 500 - 1e-6 && e.time.value <= most + 1e-6);
    }
}

static void what_misses_the_present_is_less_sure_and_half_corrected(void **state)
{
    static const double factors[] = {1.0, 1.1, 1.3, 2.0};
    double last = 0.0;

    (void)state;
    for (size_t i = 0; i < sizeof(factors) / sizeof(*factors); i++) {
        const struct estimate_source simulation = {1000 / factors[i], 500, 1.0, 1.0};
        struct estimate e = estimate_combine(1000, NULL, &simulation);

        check(&e);
        assert_true(e.time.value >= 500 - 1e-6 && e.time.value <= 500 * factors[i] + 1e-6);
        assert_true(width(&e) > last);
        last = width(&e);
    }
}

static void doubt_widens_the_interval(void **state)
{
    const struct estimate_source calm = {1000, 500, 1.0, 1.0}, wild = {1000, 500, 0.5, 1.5};
    const struct estimate_source other = {1000, 900, 1.0, 1.0};
    struct estimate replayed = estimate_combine(1000, &calm, &calm);
    struct estimate scattered = estimate_combine(1000, &wild, &calm);
    struct estimate disputed = estimate_combine(1000, &calm, &other);
    struct estimate simulated = estimate_combine(1000, NULL, &calm);

    (void)state;
    check(&scattered);
    assert_true(width(&replayed) > 0.0);
    assert_true(width(&scattered) > width(&replayed));
    assert_true(width(&disputed) > width(&replayed));
    assert_true(width(&simulated) > width(&replayed));
}

static void without_a_present_it_is_taken_at_its_word(void **state)
{
    const struct estimate_source replay = {0, 500, 1.0, 1.0};
    struct estimate e = estimate_combine(1000, &replay, NULL);

    (void)state;
    check(&e);
    assert_true(fabs(e.time.value - 500) < 1e-6);
}

static void disagreement_is_beyond_share_and_scatter(void **state)
{
    const double far = 1000 * (1.0 + CALIBRATED_AGREES_SHARE) * 1.01,
                 near = 1000 * (1.0 + CALIBRATED_AGREES_SHARE) * 0.99;

    (void)state;
    assert_true(estimate_disagrees(far, 1000, 0.99, 1.01));
    assert_true(estimate_disagrees(1000, far, 0.99, 1.01));
    assert_false(estimate_disagrees(near, 1000, 0.99, 1.01));
    assert_false(estimate_disagrees(far, 1000, 0.5, 2.0));
    assert_false(estimate_disagrees(0, 1000, 1.0, 1.0));
    assert_false(estimate_disagrees(1000, 0, 1.0, 1.0));
}

static void replays_of_another_world_do_not_count(void **state)
{
    (void)state;
    assert_true(estimate_distrusts(1000, 2000, 1100));
    assert_true(estimate_distrusts(1000, 500, 1000));
    assert_false(estimate_distrusts(1000, 1200, 1000)); /* not far off */
    assert_false(estimate_distrusts(1000, 2000, 1900)); /* the simulation is no better */
    assert_false(estimate_distrusts(1000, 0, 1000));
    assert_false(estimate_distrusts(1000, 2000, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_that_agree_are_joined),
        cmocka_unit_test(the_replay_wins_where_they_disagree),
        cmocka_unit_test(what_misses_the_present_is_less_sure_and_half_corrected),
        cmocka_unit_test(doubt_widens_the_interval),
        cmocka_unit_test(without_a_present_it_is_taken_at_its_word),
        cmocka_unit_test(replays_of_another_world_do_not_count),
        cmocka_unit_test(disagreement_is_beyond_share_and_scatter),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
