/* SPDX-License-Identifier: BSD-2-Clause */

/* What workers of a pool wait for work is no hand-off: to the nanosecond, for them alone, and in their slices, too. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/base.h"
#include "probe/assemble.h"
#include "probe/collector.h"
#include "probe/joins.h"
#include "probe/measurement.h"
#include "probe/parked.h"

#define ROOT 100
#define WORKER 101
#define QUEUE UINT64_C(0x7f1200001000)
#define LOCK UINT64_C(0x7f1200002000)

static void feed(struct collector *c, uint32_t type, const void *payload, size_t size)
{
    struct wire_header header = {.type = type, .size = (uint32_t)size};

    assert_int_equal(collector_feed(c, &header, payload), 0);
}

static struct record wait_at(uint64_t address, uint64_t end, uint64_t ns)
{
    return (struct record){.time = end,
                           .tid = WORKER,
                           .tgid = ROOT,
                           .type = RECORD_SLICE,
                           .kind = WAIT_FUTEX_OTHER,
                           .blocked_ns = ns,
                           .address_low = (uint32_t)address};
}

static struct wire_futex futex(uint32_t tid, uint64_t address, uint64_t ns, uint64_t waits)
{
    return (struct wire_futex){{tid, WAIT_FUTEX_OTHER, address}, {ns, waits, ROOT, 0}};
}

static void run(struct collector *c)
{
    const struct record records[] = {wait_at(QUEUE, 4000, 2000), wait_at(LOCK, 9000, 3000),
                                     wait_at(QUEUE, 11000, 1000)};
    const struct wire_futex futexes[] = {futex(WORKER, QUEUE, 3000, 2), futex(WORKER, LOCK, 3000, 1),
                                         futex(ROOT, LOCK, 500, 1)};
    struct slot slots[] = {{.tid = ROOT, .tgid = ROOT, .birth = 1000, .death = 12000, .is_process = 1},
                           {.tid = WORKER, .tgid = ROOT, .parent_tid = ROOT, .birth = 1000, .death = 12000}};
    struct wire_final final = {.end_ns = 12000, .totals = {.threads = 2, .processes = 1}, .grave = {.threads = 2}};

    slots[0].on_cpu_ns = 10500;
    slots[0].blocked_ns[WAIT_FUTEX_OTHER] = 500;
    slots[0].blocked_count[WAIT_FUTEX_OTHER] = 1;
    slots[1].on_cpu_ns = 5000;
    slots[1].blocked_ns[WAIT_FUTEX_OTHER] = 6000;
    slots[1].blocked_count[WAIT_FUTEX_OTHER] = 3;
    final.grave.on_cpu_ns = 15500;
    final.grave.blocked_ns[WAIT_FUTEX_OTHER] = 6500;
    final.grave.blocked_count[WAIT_FUTEX_OTHER] = 4;
    c->released_ns = 1000;
    feed(c, WIRE_RECORDS, records, sizeof(records));
    feed(c, WIRE_FUTEXES, futexes, sizeof(futexes));
    feed(c, WIRE_OBITUARIES, slots, sizeof(slots));
    feed(c, WIRE_FINAL, &final, sizeof(final));
}

static const struct thread *worker_of(const struct measurement *m)
{
    const struct thread *worker = measurement_find_thread(m, WORKER);

    assert_non_null(worker);
    assert_int_equal(worker->n_slices, 3);
    return worker;
}

static void assembled(struct collector *c, struct measurement **ret_m)
{
    *ret_m = measurement_new();
    assert_non_null(*ret_m);
    (*ret_m)->machine.cpus = (*ret_m)->machine.cpus_allowed = 2;
    assert_int_equal(assemble(c, *ret_m), 0);
}

static void waits_where_workers_park_are_idle(void **state)
{
    CLEANUP(measurement_freep) struct measurement *m = NULL;
    const struct thread *worker;
    struct collector c;

    (void)state;
    assert_int_equal(collector_init(&c, ROOT, -1, 1000), 0);
    parked_note(run_state_find_process(&c.state, ROOT), (uint32_t)QUEUE);
    run(&c);
    assembled(&c, &m);
    worker = worker_of(m);
    assert_int_equal(worker->blocked_ns[CAUSE_IDLE], 3000);
    assert_int_equal(worker->blocked_count[CAUSE_IDLE], 2);
    assert_int_equal(worker->blocked_ns[CAUSE_HANDOFF], 3000);
    assert_int_equal(worker->slices[0].cause, CAUSE_IDLE);
    assert_int_equal(worker->slices[1].cause, CAUSE_HANDOFF);
    assert_int_equal(worker->slices[2].cause, CAUSE_IDLE);
    assert_int_equal(measurement_find_thread(m, ROOT)->blocked_ns[CAUSE_HANDOFF], 500);
    assert_int_equal(m->n_locks, 1);
    assert_int_equal(m->locks[0].address, LOCK);
    assert_int_equal(m->locks[0].waiters, 2);
    collector_clear(&c);
}

static void without_a_sign_of_a_pool_they_are_what_they_were(void **state)
{
    CLEANUP(measurement_freep) struct measurement *m = NULL;
    struct collector c;

    (void)state;
    assert_int_equal(collector_init(&c, ROOT, -1, 1000), 0);
    run(&c);
    assembled(&c, &m);
    assert_int_equal(worker_of(m)->blocked_ns[CAUSE_HANDOFF], 6000);
    assert_int_equal(m->n_locks, 2);
    assert_false(parked_is_place(c.stacks, JOIN_NONE));
    collector_clear(&c);
}

static void a_process_keeps_a_bounded_number(void **state)
{
    struct run_process process = {0};

    (void)state;
    for (uint32_t i = 0; i < 3 * PARKED_MAX; i++) {
        parked_note(&process, 64 * i);
        parked_note(&process, 64 * i);
    }
    assert_int_equal(process.n_parked, PARKED_MAX);
    assert_true(parked_has(&process, 64 * (PARKED_MAX - 1)));
    assert_false(parked_has(&process, 64 * PARKED_MAX));
    assert_false(parked_has(NULL, 0));
    parked_note(NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waits_where_workers_park_are_idle),
        cmocka_unit_test(without_a_sign_of_a_pool_they_are_what_they_were),
        cmocka_unit_test(a_process_keeps_a_bounded_number),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
