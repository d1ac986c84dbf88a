/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/base.h"
#include "probe/procfs/sampler_rate.h"

/* Rounds that cost this much each, for so long. @return their sum */
static uint64_t spend(struct sampler_rate *rate, uint64_t *now, uint64_t cost_ns, uint64_t time_ns,
                      uint64_t *ret_rounds)
{
    uint64_t end = *now + time_ns, sum = 0;

    while (*now < end) {
        *now += cost_ns;
        *now += sampler_rate_pause(rate, *now, cost_ns);
        sum += cost_ns;
        (*ret_rounds)++;
    }
    return sum;
}

static void dear_rounds_take_at_most_two_percent(void **state)
{
    static const uint64_t costs[] = {15000, 100000, 1500000, 15000000};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(costs); i++) {
        uint64_t now = NSEC_PER_SEC, rounds = 0, spent;
        struct sampler_rate rate;

        sampler_rate_init(&rate, now);
        spent = spend(&rate, &now, costs[i], 20 * NSEC_PER_SEC, &rounds);
        assert_true(spent <= 20 * NSEC_PER_SEC * 18 / 1000 + 60 * NSEC_PER_MSEC + 2 * costs[i]);
        assert_true(rounds >= 10);
    }
}

static void a_short_run_is_looked_at_closely(void **state)
{
    uint64_t now = NSEC_PER_SEC, rounds = 0;
    struct sampler_rate rate;

    (void)state;
    sampler_rate_init(&rate, now);
    (void)spend(&rate, &now, 50000, 200 * NSEC_PER_MSEC, &rounds);
    assert_in_range(rounds, 120, 200); /* one a millisecond, as 5 % of a CPU allow for a while */
}

/* One dear round: the next ones are rarer until it is paid for, but go on. */
static void a_sudden_cost_is_paid_back(void **state)
{
    uint64_t now = NSEC_PER_SEC, rounds = 0, pause, spent;
    struct sampler_rate rate;

    (void)state;
    sampler_rate_init(&rate, now);
    spent = spend(&rate, &now, 20000, NSEC_PER_SEC, &rounds) + 60 * NSEC_PER_MSEC;
    pause = sampler_rate_pause(&rate, now, 60 * NSEC_PER_MSEC);
    assert_true(pause < NSEC_PER_SEC);
    now += pause;
    spent += spend(&rate, &now, 20000, 5 * NSEC_PER_SEC, &rounds);
    assert_true(spent <= (now - NSEC_PER_SEC) * 18 / 1000 + 60 * NSEC_PER_MSEC);
}

static void what_stands_still_is_looked_at_less(void **state)
{
    (void)state;
    assert_int_equal(sampler_rate_still(NSEC_PER_MSEC, 10 * NSEC_PER_MSEC), NSEC_PER_MSEC);
    assert_int_equal(sampler_rate_still(NSEC_PER_MSEC, 320 * NSEC_PER_MSEC), 5 * NSEC_PER_MSEC);
    assert_int_equal(sampler_rate_still(NSEC_PER_MSEC, 3600 * NSEC_PER_SEC), 10 * NSEC_PER_MSEC);
    assert_int_equal(sampler_rate_still(NSEC_PER_SEC, 3600 * NSEC_PER_SEC), NSEC_PER_SEC);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dear_rounds_take_at_most_two_percent),
        cmocka_unit_test(a_short_run_is_looked_at_closely),
        cmocka_unit_test(a_sudden_cost_is_paid_back),
        cmocka_unit_test(what_stands_still_is_looked_at_less),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
