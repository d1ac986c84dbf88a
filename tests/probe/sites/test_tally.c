/* SPDX-License-Identifier: BSD-2-Clause */

/* Streams of waits of which only some have a stack: what the sites add up to must be what was really waited. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include "base/base.h"
#include "probe/bpf/abi.h"
#include "probe/sites/tally.h"

static uint64_t seed;

/* xorshift64*: the same stream every time. @return in [0, 1) */
static double chance(void)
{
    seed ^= seed >> 12;
    seed ^= seed << 25;
    seed ^= seed >> 27;
    return (double)((seed * 2685821657736338717ULL) >> 11) / 9007199254740992.0;
}

struct stream {
    struct tally tally;
    double true_ns[8]; /* by site */
    uint64_t true_count[8];
    uint32_t short_lived; /* not 0: each wait is that of another thread */
};

static void begin(struct stream *s)
{
    memset(s, 0, sizeof(*s));
    seed = 88172645463325252ULL;
    assert_int_equal(tally_init(&s->tally), 0);
}

/* One wait at a site, given a stack with probability 2^-shift; arrived: whether that came through. */
static void wait_at(struct stream *s, uint32_t site, uint64_t ns, uint8_t shift, bool arrived)
{
    struct join join = {.id = 1,
                        .taken = true,
                        .stack = {site, JOIN_NONE},
                        .waker = {JOIN_NONE, JOIN_NONE},
                        .holder = {JOIN_NONE, JOIN_NONE}};
    bool picked = chance() < ldexp(1.0, -shift);
    struct tally_wait wait = {
        .tgid = 1,
        .row = s->short_lived ? 1000 + s->short_lived++ : site % 3,
        .waker_row = TALLY_NO_ROW,
        .owner_row = TALLY_NO_ROW,
        .kind = WAIT_SLEEP,
        .shift = picked ? shift : 0,
        .ns = ns,
        .join = picked && arrived ? &join : NULL,
    };

    assert_int_equal(tally_wait(&s->tally, &wait), 0);
    s->true_ns[site] += (double)ns;
    s->true_count[site]++;
}

static double site_ns(struct stream *s, uint32_t site)
{
    double sum = 0;

    tally_settle(&s->tally);
    for (size_t i = 0; i < s->tally.n_cells; i++)
        if (s->tally.cells[i].stack.python == site)
            sum += tally_cell_ns(&s->tally, &s->tally.cells[i], 1.0);
    return sum;
}

static double site_count(struct stream *s, uint32_t site)
{
    double sum = 0;

    tally_settle(&s->tally);
    for (size_t i = 0; i < s->tally.n_cells; i++)
        if (s->tally.cells[i].stack.python == site)
            sum += tally_cell_count(&s->tally, &s->tally.cells[i], 1.0);
    return sum;
}

#define assert_near(actual, expected, share) \
    assert_true(fabs((actual) - (double)(expected)) <= (share) * (double)(expected))

/* A sampler that takes every nth would see one of them only. */
static void alternating_waits_share_as_they_were(void **state)
{
    struct stream s;

    (void)state;
    begin(&s);
    for (int i = 0; i < 20000; i++)
        wait_at(&s, (uint32_t)i % 2, i % 2 ? 300000 : 280000, 4, true);
    for (uint32_t site = 0; site < 2; site++) {
        assert_near(site_ns(&s, site), s.true_ns[site], 0.08);
        assert_near(site_count(&s, site), s.true_count[site], 0.08);
    }
    /* Both fall into one stratum, which is divided up without rest. */
    assert_near(site_ns(&s, 0) + site_ns(&s, 1), s.true_ns[0] + s.true_ns[1], 1e-9);
    tally_clear(&s.tally);
}

/* Ten waits of a second among a hundred thousand of 20 us: half of the time, but rarely a stack of their own. */
static void rare_long_waits_are_not_drowned_by_short_ones(void **state)
{
    struct stream s;

    (void)state;
    begin(&s);
    for (int i = 0; i < 100000; i++) {
        wait_at(&s, 0, 20000 + (uint64_t)(chance() * 1000), 8, true);
        if (i % 1000 == 500)
            wait_at(&s, 1, 20000000, 2, true);
    }
    /* Of a hundred about 25 were seen; all of them are counted, as nothing else lasts that long. */
    assert_near(site_ns(&s, 1), s.true_ns[1], 1e-9);
    assert_near(site_ns(&s, 0), s.true_ns[0], 1e-9);
    assert_near(site_count(&s, 1), 100, 1e-9);
    tally_clear(&s.tally);
}

/* The allowance changes on the way, as bursts come and go: each stack stands for what it stood for then. */
static void a_changing_allowance_does_not_shift_shares(void **state)
{
    struct stream s;

    (void)state;
    begin(&s);
    for (int i = 0; i < 200000; i++) {
        bool burst = i / 5000 % 2;

        wait_at(&s, burst ? 1 : 0, 90000, burst ? 7 : 3, true);
    }
    assert_near(site_ns(&s, 0), s.true_ns[0], 0.08);
    assert_near(site_ns(&s, 1), s.true_ns[1], 0.08);
    tally_clear(&s.tally);
}

/* Two threads that do alike, each at a place of its own: chance may give one of them more stacks, not more time. */
static void each_thread_keeps_its_own_time(void **state)
{
    struct stream s;

    (void)state;
    begin(&s);
    for (int i = 0; i < 24; i++)
        wait_at(&s, (uint32_t)i % 2, 50000000, (uint8_t)(i % 2), true);
    assert_near(site_ns(&s, 0), s.true_ns[0], 1e-9);
    assert_near(site_ns(&s, 1), s.true_ns[1], 1e-9);
    assert_near(site_count(&s, 1), 12, 1e-9);
    /* A third one, none of whose stacks were taken: its time goes to those that did alike. */
    for (int i = 0; i < 6; i++)
        wait_at(&s, 2, 50000000, 0, false);
    assert_near(site_ns(&s, 0) + site_ns(&s, 1), s.true_ns[0] + s.true_ns[1] + s.true_ns[2], 1e-9);
    tally_clear(&s.tally);
}

/*
 * One thread that waits ten thousand times, and ten thousand with one wait each, all alike: half of the time is theirs,
 * though most of them have no stack.
 */
static void short_lived_threads_are_not_forgotten(void **state)
{
    struct stream s;

    (void)state;
    begin(&s);
    for (int i = 0; i < 10000; i++)
        wait_at(&s, 0, 70000, 4, true);
    s.short_lived = 1;
    for (int i = 0; i < 10000; i++)
        wait_at(&s, 1, 70000, 4, true);
    assert_near(site_ns(&s, 0), s.true_ns[0], 1e-9);
    assert_near(site_ns(&s, 1), s.true_ns[1], 1e-9);
    assert_near(site_count(&s, 1), s.true_count[1], 1e-9);
    tally_clear(&s.tally);
}

/* Two hundred thousand threads with a wait each: memory is bounded, and nothing is left out. */
static void threads_share_strata_when_there_are_too_many(void **state)
{
    struct stream s;

    (void)state;
    begin(&s);
    s.short_lived = 1;
    for (int i = 0; i < 200000; i++)
        wait_at(&s, (uint32_t)i / 2 % 2, 70000, 3, true);
    assert_true(s.tally.n_strata < 100000);
    assert_true(s.tally.strata[0].of_row);
    assert_false(s.tally.strata[s.tally.n_strata - 1].of_row);
    assert_near(site_ns(&s, 0), s.true_ns[0], 0.05);
    assert_near(site_ns(&s, 0) + site_ns(&s, 1), s.true_ns[0] + s.true_ns[1], 1e-9);
    tally_clear(&s.tally);
}

/* Stacks overwritten before they were read make the rest stand for more; a stratum without any has no site. */
static void lost_stacks_cost_precision_not_time(void **state)
{
    struct stream s;

    (void)state;
    begin(&s);
    for (int i = 0; i < 50000; i++) {
        wait_at(&s, 0, 70000, 2, chance() < 0.5);
        wait_at(&s, 1, 70000, 2, chance() < 0.5);
    }
    wait_at(&s, 2, 3000000000, 0, false);
    assert_near(site_ns(&s, 0), s.true_ns[0], 0.06);
    assert_near(site_ns(&s, 0) + site_ns(&s, 1), s.true_ns[0] + s.true_ns[1], 1e-9);
    assert_true(site_ns(&s, 2) == 0);
    tally_clear(&s.tally);
}

/* 16383 and 16384 ns lie on two sides of a stratum's border, 16384 and 65535 on one. */
static void strata_are_a_factor_of_four_wide(void **state)
{
    struct stream s;

    (void)state;
    begin(&s);
    wait_at(&s, 0, 16383, 0, true);
    wait_at(&s, 0, 16384, 0, true);
    assert_int_equal(s.tally.n_strata, 2);
    wait_at(&s, 0, 65535, 0, true);
    assert_int_equal(s.tally.n_strata, 2);
    wait_at(&s, 0, 65536, 0, true);
    assert_int_equal(s.tally.n_strata, 3);
    assert_int_equal(s.tally.n_cells, 3);
    tally_clear(&s.tally);
}

static void pairs_know_where_both_were(void **state)
{
    struct stream s;
    struct join join = {.taken = true, .stack = {1, 2}, .waker = {3, JOIN_NONE}, .holder = {JOIN_NONE, JOIN_NONE}};
    struct tally_wait wait = {
        .tgid = 1, .row = 10, .waker_row = 11, .owner_row = 11, .kind = WAIT_FUTEX_MUTEX, .ns = 500, .join = &join};

    (void)state;
    begin(&s);
    assert_int_equal(tally_wait(&s.tally, &wait), 0);
    wait.join = NULL; /* without a stack it counts all the same */
    wait.ns = 250;
    assert_int_equal(tally_wait(&s.tally, &wait), 0);
    wait.join = &join;
    wait.ns = 100;
    join.waker.python = 4; /* rarely, and not for long, it was elsewhere */
    assert_int_equal(tally_wait(&s.tally, &wait), 0);
    wait.waker_row = 12;
    assert_int_equal(tally_wait(&s.tally, &wait), 0);
    assert_int_equal(s.tally.n_pairs, 2);
    assert_int_equal(s.tally.pairs[0].ns, 850);
    assert_int_equal(s.tally.pairs[0].count, 3);
    assert_int_equal(tally_heaviest(&s.tally.pairs[0].waker_at).python, 3);
    assert_int_equal(tally_heaviest(&s.tally.pairs[0].waiter_at).native, 2);
    assert_int_equal(tally_heaviest(&s.tally.pairs[1].waker_at).python, 4);
    tally_clear(&s.tally);
}

/* One stack with most of the weight is found among many, whatever their order. */
static void the_heaviest_stack_survives_a_crowd(void **state)
{
    struct tally_top top = {0};

    (void)state;
    assert_int_equal(tally_heaviest(&top).python, JOIN_NONE);
    for (uint32_t i = 0; i < 1000; i++) {
        tally_add_top(&top, (struct join_stack){i, JOIN_NONE}, 1.0);
        if (i % 2)
            tally_add_top(&top, (struct join_stack){5000, 7}, 1.5);
    }
    tally_add_top(&top, (struct join_stack){JOIN_NONE, JOIN_NONE}, 1e9);
    assert_int_equal(tally_heaviest(&top).python, 5000);
    assert_int_equal(tally_heaviest(&top).native, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alternating_waits_share_as_they_were),
        cmocka_unit_test(rare_long_waits_are_not_drowned_by_short_ones),
        cmocka_unit_test(a_changing_allowance_does_not_shift_shares),
        cmocka_unit_test(each_thread_keeps_its_own_time),
        cmocka_unit_test(short_lived_threads_are_not_forgotten),
        cmocka_unit_test(threads_share_strata_when_there_are_too_many),
        cmocka_unit_test(lost_stacks_cost_precision_not_time),
        cmocka_unit_test(strata_are_a_factor_of_four_wide),
        cmocka_unit_test(pairs_know_where_both_were),
        cmocka_unit_test(the_heaviest_stack_survives_a_crowd),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
