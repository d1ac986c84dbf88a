/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/base.h"
#include "probe/bpf/abi.h"
#include "probe/procfs/account.h"

#define MS NSEC_PER_MSEC

struct told {
    struct stretch list[600];
    size_t n;
};

static void tell(const struct stretch *stretch, void *userdata)
{
    struct told *told = userdata;

    assert_true(told->n < ARRAY_SIZE(told->list));
    told->list[told->n++] = *stretch;
}

static struct look running(uint64_t now, uint64_t on, uint64_t runnable, uint64_t switch_ins)
{
    return (struct look){.now = now, .on_cpu_ns = on, .runnable_ns = runnable, .switch_ins = switch_ins};
}

static struct look blocked(uint64_t now, uint64_t on, uint64_t runnable, uint64_t switch_ins, uint16_t kind)
{
    struct look look = running(now, on, runnable, switch_ins);

    look.blocked = true;
    look.wait.kind = kind;
    return look;
}

static void take(struct account *account, struct look look, struct told *told)
{
    account_look(account, &look, tell, told);
}

/* The three parts of its life, as told, and the sums that account keeps. */
static void assert_conserved(const struct account *account, const struct told *told, uint64_t death)
{
    uint64_t on = 0, runnable = 0, waited = 0;

    for (size_t i = 0; i < told->n; i++) {
        on += told->list[i].on_cpu_ns;
        runnable += told->list[i].runnable_ns;
        waited += told->list[i].blocked_ns;
    }
    assert_int_equal(on, account->sum_on_ns);
    assert_int_equal(runnable, account->sum_runnable_ns);
    assert_int_equal(on + runnable + waited, death - account->birth);
    assert_int_equal(account->mark, death);
}

static void a_wait_seen_at_both_ends_is_told_once(void **state)
{
    struct told told = {0};
    struct account account;
    struct look end;

    (void)state;
    account_init(&account, 100 * MS, 0, 0, 1, 0);
    take(&account, blocked(110 * MS, 4 * MS, 1 * MS, 1, WAIT_SLEEP), &told);
    take(&account, blocked(120 * MS, 4 * MS, 1 * MS, 1, WAIT_SLEEP), &told);
    assert_int_equal(told.n, 0);
    /* It began when it had run: at 105. It ended between 120 and 121: nobody knows when. */
    take(&account, running(121 * MS, 4 * MS, 1 * MS, 2), &told);
    assert_int_equal(told.n, 1);
    assert_int_equal(told.list[0].on_cpu_ns, 4 * MS);
    assert_int_equal(told.list[0].runnable_ns, 1 * MS);
    assert_int_equal(told.list[0].blocked_ns, 15 * MS + MS / 2);
    assert_int_equal(told.list[0].wait.kind, WAIT_SLEEP);
    assert_int_equal(told.list[0].waits, 1);
    end = running(123 * MS, 6 * MS, 1 * MS, 2);
    account_close(&account, &end, tell, &told);
    assert_conserved(&account, &told, 123 * MS);
}

static void short_waits_between_two_looks_share_what_is_left(void **state)
{
    struct told told = {0};
    struct account account;
    struct look end = blocked(14 * MS, 1 * MS, 0, 4, WAIT_SLEEP), looked;

    (void)state;
    account_init(&account, 0, 0, 0, 1, 0);
    take(&account, blocked(10 * MS, 1 * MS, 0, 1, WAIT_INET_OUTSIDE), &told);
    /* Three more times on a CPU, for 1 ms in all: the wait of before, two others, and one in progress share 3 ms. */
    looked = blocked(14 * MS, 2 * MS, 0, 4, WAIT_INET_OUTSIDE);
    assert_true(account_is_ambiguous(&account, &looked));
    take(&account, looked, &told);
    assert_int_equal(told.n, 3);
    assert_int_equal(told.list[0].blocked_ns, 9 * MS + 3 * MS / 4);
    assert_int_equal(told.list[1].blocked_ns, 3 * MS / 4);
    assert_int_equal(told.list[2].blocked_ns, 3 * MS / 4);
    assert_int_equal(told.list[1].wait.kind, WAIT_INET_OUTSIDE);
    end.on_cpu_ns = 2 * MS;
    end.now = 20 * MS;
    account_close(&account, &end, tell, &told);
    assert_int_equal(told.n, 4);
    assert_true(told.list[3].open);
    assert_conserved(&account, &told, 20 * MS);
}

static void preemptions_are_no_waits(void **state)
{
    struct told told = {0};
    struct account account;
    struct look look = blocked(100 * MS, 60 * MS, 38 * MS, 21, WAIT_SLEEP);

    (void)state;
    account_init(&account, 0, 0, 0, 1, 0);
    assert_true(account_is_ambiguous(&account, &look));
    look.voluntary_known = true;
    look.voluntary = 1; /* the wait in progress */
    take(&account, look, &told);
    assert_int_equal(told.n, 0);
    take(&account, blocked(150 * MS, 60 * MS, 38 * MS, 21, WAIT_SLEEP), &told);
    look = running(160 * MS, 60 * MS, 38 * MS, 22);
    account_close(&account, &look, tell, &told);
    assert_int_equal(told.list[0].waits, 1);
    assert_int_equal(told.list[0].on_cpu_ns, 60 * MS);
    /* From 98 to the end, but for what may be a tick's CPU time that the counter does not have yet. */
    assert_in_range(told.list[0].blocked_ns, 52 * MS, 62 * MS);
    assert_conserved(&account, &told, 160 * MS);
}

static void a_counter_that_lags_is_no_wait(void **state)
{
    struct told told = {0};
    struct account account;
    struct look end = running(13 * MS, 10 * MS, 0, 2);

    (void)state;
    account_init(&account, 0, 0, 0, 1, 0);
    take(&account, running(5 * MS, 2 * MS, 0, 2), &told);
    take(&account, running(12 * MS, 10 * MS, 0, 2), &told);
    assert_int_equal(told.n, 0);
    account_close(&account, &end, tell, &told);
    assert_int_equal(account.sum_on_ns, 13 * MS);
    assert_conserved(&account, &told, 13 * MS);
}

static void one_that_never_ran_waited_for_a_cpu(void **state)
{
    struct told told = {0};
    struct account account;
    struct look end = running(2 * MS, 0, 0, 0);

    (void)state;
    account_init(&account, 0, 0, 0, 1, 0);
    account_close(&account, &end, tell, &told);
    assert_int_equal(account.sum_runnable_ns, 2 * MS);
    assert_conserved(&account, &told, 2 * MS);
}

static void a_wait_never_seen_has_no_kind_of_a_selector(void **state)
{
    struct told told = {0};
    struct account account;

    (void)state;
    account_init(&account, 0, 0, 0, 1, 0);
    take(&account, blocked(10 * MS, 2 * MS, 0, 3, WAIT_EPOLL_OUTSIDE), &told);
    assert_int_equal(told.n, 2);
    assert_int_equal(told.list[0].wait.kind, WAIT_UNKNOWN);
    memset(&told, 0, sizeof(told));
    account_init(&account, 0, 0, 0, 1, 0);
    take(&account, blocked(10 * MS, 2 * MS, 0, 3, WAIT_PIPE_TARGET), &told);
    assert_int_equal(told.list[0].wait.kind, WAIT_PIPE_TARGET);
}

static void a_timeout_is_known_by_its_length(void **state)
{
    struct look first = blocked(1 * MS, 0, 0, 1, WAIT_EPOLL_OUTSIDE);
    struct told told = {0};
    struct account account;

    (void)state;
    first.wait.timeout_ns = 50 * MS;
    for (int late = 0; late < 2; late++) {
        uint64_t end = late ? 50 * MS : 30 * MS;

        account_init(&account, 0, 0, 0, 1, 0);
        take(&account, first, &told);
        take(&account, blocked(end, 0, 0, 1, WAIT_EPOLL_OUTSIDE), &told);
        take(&account, running(end + MS, 0, 0, 2), &told);
        assert_int_equal(told.list[told.n - 1].timed_out, late);
    }
}

/* Between looks lie short waits, so where the long one began and ended is known to the pause between looks only. */
static void a_timeout_beside_short_waits_is_one_if_it_may_be(void **state)
{
    static const uint64_t timeouts[] = {19 * MS, 35 * MS};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(timeouts); i++) {
        struct look seen = blocked(10 * MS, 1 * MS, 0, 5, WAIT_EPOLL_SIBLING);
        struct told told = {0};
        struct account account;
        size_t before;

        seen.wait.timeout_ns = timeouts[i];
        seen.voluntary_known = true;
        seen.voluntary = 5;
        account_init(&account, 0, 0, 0, 1, 0);
        take(&account, seen, &told);
        seen.now = 20 * MS;
        take(&account, seen, &told);
        before = told.n;
        seen.now = 30 * MS;
        seen.switch_ins = seen.voluntary = 10;
        take(&account, seen, &told);
        assert_int_equal(told.n, before + 5);
        assert_int_equal(told.list[before].timed_out, timeouts[i] <= 30 * MS);
        assert_false(told.list[before + 1].timed_out);
    }
}

static void too_many_waits_are_told_together(void **state)
{
    struct told told = {0};
    struct account account;
    uint64_t waits = 0;

    (void)state;
    account_init(&account, 0, 0, 0, 1, 0);
    take(&account, blocked(1 * MS, 0, 0, 1, WAIT_PIPE_TARGET), &told);
    take(&account, blocked(1001 * MS, 400 * MS, 100 * MS, 100001, WAIT_PIPE_TARGET), &told);
    assert_int_equal(told.n, ACCOUNT_STRETCHES);
    for (size_t i = 0; i < told.n; i++)
        waits += told.list[i].waits;
    assert_int_equal(waits, 100000);
}

/* Whatever the looks say: no time is lost, none is made. */
static void any_looks_conserve_time(void **state)
{
    uint64_t random = 42;

    (void)state;
    for (int round = 0; round < 2000; round++) {
        uint64_t now = 1000 * MS, on = 0, runnable = 0, switch_ins = 1;
        struct told told = {0};
        struct account account;
        struct look look = {0};

        account_init(&account, now, 0, 0, 1, 0);
        for (int i = 0; i < 12; i++) {
            uint64_t step, n;

            random = random * 6364136223846793005u + 1442695040888963407u;
            step = (random >> 33) % (10 * MS);
            n = (random >> 20) % 4;
            now += step;
            switch_ins += n;
            if (n || !look.blocked) {
                on += step / 4;
                runnable += n ? step / 8 : 0;
            }
            look = random >> 40 & 1 || !n ? blocked(now, on, runnable, switch_ins, WAIT_SLEEP)
                                          : running(now, on, runnable, switch_ins);
            if (i % 3 == 0)
                take(&account, look, &told);
        }
        account_close(&account, &look, tell, &told);
        assert_conserved(&account, &told, now);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wait_seen_at_both_ends_is_told_once),
        cmocka_unit_test(short_waits_between_two_looks_share_what_is_left),
        cmocka_unit_test(preemptions_are_no_waits),
        cmocka_unit_test(a_counter_that_lags_is_no_wait),
        cmocka_unit_test(one_that_never_ran_waited_for_a_cpu),
        cmocka_unit_test(a_wait_never_seen_has_no_kind_of_a_selector),
        cmocka_unit_test(a_timeout_is_known_by_its_length),
        cmocka_unit_test(a_timeout_beside_short_waits_is_one_if_it_may_be),
        cmocka_unit_test(too_many_waits_are_told_together),
        cmocka_unit_test(any_looks_conserve_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
