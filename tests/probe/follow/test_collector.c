/* SPDX-License-Identifier: BSD-2-Clause */

/* What the helper sends, in odd orders and odd shapes, and what becomes of it. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/base.h"
#include "probe/assemble/assemble.h"
#include "probe/follow/collector.h"
#include "probe/measurement.h"

#define ROOT 100
#define CHILD 200

static int feed(struct collector *c, uint32_t type, const void *payload, size_t size)
{
    struct wire_header header = {.type = type, .size = (uint32_t)size};

    return collector_feed(c, &header, payload);
}

static void finish(struct collector *c, uint64_t end)
{
    struct wire_final final = {.end_ns = end};

    final.totals.threads = c->obituaries;
    final.totals.processes = 1;
    final.totals.max_live = final.totals.max_live_processes = 1;
    for (size_t i = 0; i < c->state.n_threads; i++) {
        const struct slot *account = &c->state.threads[i].account;

        final.grave.threads++;
        final.grave.on_cpu_ns += account->on_cpu_ns;
        final.grave.runnable_ns += account->runnable_ns;
        for (int kind = 0; kind < WAIT_KIND_COUNT; kind++)
            final.grave.blocked_ns[kind] += account->blocked_ns[kind];
    }
    assert_int_equal(feed(c, WIRE_FINAL, &final, sizeof(final)), 0);
}

static struct slot account(uint32_t tid, uint64_t birth, uint64_t death)
{
    return (struct slot){.tid = tid, .tgid = tid, .birth = birth, .death = death, .is_process = 1};
}

static void begin(struct collector *c)
{
    assert_int_equal(collector_init(c, ROOT, -1, 1000), 0);
    c->released_ns = 1000;
}

/* The run ends with the death of its only thread. */
static struct measurement *measured(struct collector *c, const struct slot *slot)
{
    struct measurement *m = measurement_new();

    assert_non_null(m);
    assert_int_equal(feed(c, WIRE_OBITUARIES, slot, sizeof(*slot)), 0);
    finish(c, 12000);
    m->machine.cpus = m->machine.cpus_allowed = 2;
    assert_int_equal(assemble(c, m), 0);
    return m;
}

static void what_no_bucket_holds_is_unattributed(void **state)
{
    CLEANUP(measurement_freep) struct measurement *m = NULL;
    struct slot slot = account(ROOT, 1000, 11000);
    struct collector c;

    (void)state;
    begin(&c);
    slot.on_cpu_ns = 6000;
    slot.blocked_ns[WAIT_SLEEP] = 3000;
    slot.blocked_ns[WAIT_UNKNOWN] = 400;
    m = measured(&c, &slot);
    assert_int_equal(m->thread_time_ns, 10000);
    assert_int_equal(m->on_cpu_ns, 6000);
    assert_int_equal(m->blocked_ns[CAUSE_SLEEP], 3000);
    assert_int_equal(m->unattributed_ns, 1000); /* 400 of no known kind, 600 that nobody saw */
    collector_clear(&c);
}

static void news_before_the_birth_is_kept(void **state)
{
    const struct record exec = {.time = 2000, .tid = CHILD, .tgid = CHILD, .type = RECORD_EXEC};
    const struct record fork = {
        .time = 1500, .tid = CHILD, .tgid = CHILD, .type = RECORD_FORK, .other_tid = ROOT, .other_on_cpu_ns = ROOT};
    const struct run_process *process;
    struct collector c;

    (void)state;
    assert_int_equal(collector_init(&c, ROOT, -1, 1000), 0);
    assert_int_equal(feed(&c, WIRE_RECORDS, &exec, sizeof(exec)), 0);
    assert_int_equal(feed(&c, WIRE_RECORDS, &fork, sizeof(fork)), 0);
    assert_int_equal(c.state.n_processes, 2);
    process = run_state_find_process(&c.state, CHILD);
    assert_true(process->execed);
    assert_int_equal(process->parent_tgid, ROOT);
    assert_int_equal(process->birth, 1500);
    assert_int_equal(process->threads, 1);
    collector_clear(&c);
}

/* Of a thread whose id has been used again, and whose account comes from the ring and once more from its slot. */
static void an_account_that_comes_twice_counts_once(void **state)
{
    struct slot slots[] = {account(CHILD, 2000, 3000), account(CHILD, 4000, 6000), account(CHILD, 2000, 3000)};
    struct record forks[] = {
        {.time = 1999, .tid = CHILD, .tgid = CHILD, .type = RECORD_FORK, .other_tid = ROOT, .on_cpu_ns = 2},
        {.time = 3999, .tid = CHILD, .tgid = CHILD, .type = RECORD_FORK, .other_tid = ROOT, .on_cpu_ns = 3},
    };
    size_t closed = 0;
    struct collector c;

    (void)state;
    begin(&c);
    slots[0].serial = slots[2].serial = 2;
    slots[1].serial = 3;
    assert_int_equal(feed(&c, WIRE_RECORDS, forks, sizeof(forks)), 0);
    assert_int_equal(feed(&c, WIRE_OBITUARIES, slots, sizeof(slots)), 0);
    for (size_t i = 0; i < c.state.n_threads; i++)
        closed += c.state.threads[i].closed;
    assert_int_equal(closed, 2);
    assert_int_equal(c.state.n_threads, 3);
    assert_int_equal(run_state_find_serial(&c.state, CHILD, 2)->account.death, 3000);
    assert_int_equal(run_state_find_serial(&c.state, CHILD, 3)->account.death, 6000);
    collector_clear(&c);
}

/* A difference of clocks that went below zero must not end up in a file, nor anywhere else. */
static void slices_longer_than_the_uptime_count_as_lost(void **state)
{
    struct record records[] = {
        {.type = RECORD_SLICE, .time = 5000, .tid = ROOT, .tgid = ROOT, .on_cpu_ns = 1000},
        {.type = RECORD_SLICE, .time = 6000, .tid = ROOT, .tgid = ROOT, .on_cpu_ns = (uint64_t)-3},
        {.type = RECORD_SLICE, .time = 7000, .tid = ROOT, .tgid = ROOT, .other_on_cpu_ns = (uint64_t)-3},
        {.type = RECORD_SLICE, .time = 8000, .tid = ROOT, .tgid = ROOT, .blocked_ns = 8001, .kind = WAIT_SLEEP},
    };
    CLEANUP(measurement_freep) struct measurement *m = NULL;
    struct slot slot = account(ROOT, 1000, 11000);
    struct collector c;

    (void)state;
    begin(&c);
    assert_int_equal(feed(&c, WIRE_RECORDS, records, sizeof(records)), 0);
    slot.on_cpu_ns = 10000;
    m = measured(&c, &slot);
    assert_int_equal(m->loss.slices_dropped, 3);
    assert_int_equal(m->threads[0].n_slices, 1);
    assert_int_equal(m->on_cpu_ns, 10000);
    collector_clear(&c);
}

static void messages_of_odd_sizes_are_refused(void **state)
{
    static const uint32_t types[] = {WIRE_STACKS,  WIRE_RECORDS,  WIRE_OBITUARIES, WIRE_SURVIVORS,
                                     WIRE_FUTEXES, WIRE_PARALLEL, WIRE_FINAL,      WIRE_STATUS};
    struct record broken = {.type = 99};
    char bytes[7] = {0};
    struct collector c;

    (void)state;
    assert_int_equal(collector_init(&c, ROOT, -1, 1000), 0);
    for (size_t i = 0; i < ARRAY_SIZE(types); i++)
        assert_int_equal(feed(&c, types[i], bytes, sizeof(bytes)), -EPROTO);
    assert_int_equal(feed(&c, 12345, bytes, 0), -EPROTO);
    assert_int_equal(feed(&c, WIRE_RECORDS, &broken, sizeof(broken)), -EPROTO);
    assert_false(c.finished);
    collector_clear(&c);
}

/* Its timer wakes it, and somebody once in a while: a pool's housekeeper. */
static void a_thread_woken_less_than_once_a_second_is_idle(void **state)
{
    (void)state;
    for (uint32_t wakes = 9; wakes <= 11; wakes += 2) {
        CLEANUP(measurement_freep) struct measurement *m = measurement_new();
        struct slot slots[] = {account(ROOT, 1000, 1000 + 10 * NSEC_PER_SEC), account(CHILD, 1000, 0)};
        struct collector c;

        begin(&c);
        slots[0].blocked_ns[WAIT_SLEEP] = 10 * NSEC_PER_SEC;
        slots[1].tgid = ROOT;
        slots[1].is_process = 0;
        slots[1].death = slots[0].death;
        slots[1].blocked_ns[WAIT_FUTEX_OTHER] = 8 * NSEC_PER_SEC;
        slots[1].blocked_count[WAIT_FUTEX_OTHER] = wakes;
        slots[1].blocked_ns[WAIT_FUTEX_TIMEOUT] = 2 * NSEC_PER_SEC;
        slots[1].blocked_count[WAIT_FUTEX_TIMEOUT] = 200;
        assert_int_equal(feed(&c, WIRE_OBITUARIES, slots, sizeof(slots)), 0);
        finish(&c, slots[0].death);
        m->machine.cpus = m->machine.cpus_allowed = 2;
        assert_int_equal(assemble(&c, m), 0);
        assert_int_equal(m->threads[1].blocked_ns[wakes < 10 ? CAUSE_IDLE : CAUSE_HANDOFF], 10 * NSEC_PER_SEC);
        collector_clear(&c);
    }
}

static void a_parked_pool_thread_is_idle(void **state)
{
    CLEANUP(measurement_freep) struct measurement *m = measurement_new();
    struct slot slots[] = {account(ROOT, 1000, 1001000), account(CHILD, 1000, 1001000)};
    struct collector c;

    (void)state;
    assert_int_equal(collector_init(&c, ROOT, -1, 1000), 0);
    c.released_ns = 1000;
    slots[0].blocked_ns[WAIT_FUTEX_OTHER] = 1000000; /* the first thread waits for a result */
    slots[0].blocked_count[WAIT_FUTEX_OTHER] = 1;
    slots[1].tgid = ROOT;
    slots[1].is_process = 0;
    slots[1].blocked_ns[WAIT_FUTEX_OTHER] = 1000000;
    slots[1].blocked_count[WAIT_FUTEX_OTHER] = 1;
    assert_int_equal(feed(&c, WIRE_OBITUARIES, slots, sizeof(slots)), 0);
    finish(&c, 1001000);
    m->machine.cpus = m->machine.cpus_allowed = 2;
    assert_int_equal(assemble(&c, m), 0);
    assert_int_equal(m->threads[0].blocked_ns[CAUSE_HANDOFF], 1000000);
    assert_int_equal(m->threads[1].blocked_ns[CAUSE_IDLE], 1000000);
    assert_int_equal(m->blocked_ns[CAUSE_IDLE], 1000000);
    collector_clear(&c);
}

/* Under full load a loop need not wait: what it has outstanding tells it from a program that waited in epoll once. */
static void a_loop_that_waited_once_is_known_by_what_it_watches(void **state)
{
    (void)state;
    for (uint64_t outstanding = 1; outstanding <= 2; outstanding++) {
        CLEANUP(measurement_freep) struct measurement *m = measurement_new();
        struct slot slots[] = {account(ROOT, 1000, 1001000)};
        struct collector c;

        begin(&c);
        slots[0].blocked_ns[WAIT_EPOLL_OUTSIDE] = 10000;
        slots[0].blocked_count[WAIT_EPOLL_OUTSIDE] = 1;
        assert_int_equal(feed(&c, WIRE_OBITUARIES, slots, sizeof(slots)), 0);
        finish(&c, 1001000);
        c.state.threads[0].outstanding_looks = c.state.threads[0].outstanding_max = outstanding;
        c.state.threads[0].outstanding_sum = outstanding * outstanding;
        m->machine.cpus = m->machine.cpus_allowed = 2;
        assert_int_equal(assemble(&c, m), 0);
        assert_int_equal(m->n_loops, outstanding - 1);
        if (m->n_loops > 0)
            assert_true(m->loops[0].outstanding_mean > 1.9 && m->loops[0].outstanding_mean < 2.1);
        collector_clear(&c);
    }
}

/* Looks at processes compete with the target for CPUs: what they have used up is theirs again only as time goes by. */
static void looks_wait_until_they_may_cost_again(void **state)
{
    const uint64_t start = 1000 * NSEC_PER_SEC, step = 150 * NSEC_PER_MSEC;
    struct collector c;

    (void)state;
    assert_int_equal(collector_init(&c, ROOT, -1, 1000), 0);
    collector_tick(&c, start);
    assert_int_equal(c.watch.rounds, 1);
    collector_tick(&c, start + 1); /* not yet */
    assert_int_equal(c.watch.rounds, 1);
    c.look_credit_ns = -10 * (int64_t)NSEC_PER_MSEC; /* at a hundredth: a second until the next */
    collector_tick(&c, start + step);
    assert_int_equal(c.watch.rounds, 1);
    collector_tick(&c, start + 20 * step);
    assert_int_equal(c.watch.rounds, 2);
    collector_clear(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_no_bucket_holds_is_unattributed),
        cmocka_unit_test(news_before_the_birth_is_kept),
        cmocka_unit_test(an_account_that_comes_twice_counts_once),
        cmocka_unit_test(slices_longer_than_the_uptime_count_as_lost),
        cmocka_unit_test(messages_of_odd_sizes_are_refused),
        cmocka_unit_test(a_parked_pool_thread_is_idle),
        cmocka_unit_test(a_thread_woken_less_than_once_a_second_is_idle),
        cmocka_unit_test(a_loop_that_waited_once_is_known_by_what_it_watches),
        cmocka_unit_test(looks_wait_until_they_may_cost_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
