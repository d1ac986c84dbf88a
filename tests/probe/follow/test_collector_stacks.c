/* SPDX-License-Identifier: BSD-2-Clause */

/* From the helper's messages to the sites, holders, wakers and peers of a measurement. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>

#include "base/base.h"
#include "probe/assemble/assemble.h"
#include "probe/follow/collector.h"
#include "probe/measurement.h"
#include "probe/runtime/detect.h"
#include "tests/probe/fake_python.h"

#define BEGIN 1000000ULL
#define END (BEGIN + 1000000000ULL)

static struct collector c;
static struct image image;
static union code code[4];
static struct text names[4], file;
static uint32_t root, worker;

static int feed(uint32_t type, const void *payload, size_t size)
{
    struct wire_header header = {.type = type, .size = (uint32_t)size};

    return collector_feed(&c, &header, payload);
}

static int set_up(void **state)
{
    (void)state;
    root = (uint32_t)getpid();
    worker = root + 1;
    image = fake_image();
    write_text(&file, "crawl.py");
    for (size_t i = 0; i < ARRAY_SIZE(code); i++) {
        write_text(&names[i], ((const char *[]){"fetch", "parse", "main", "connect"})[i]);
        write_code(&code[i], &names[i], &file, (uint32_t)(10 * i + 10), 0);
    }
    if (collector_init(&c, (pid_t)root, -1, 1000) < 0)
        return -1;
    c.released_ns = BEGIN;
    run_state_find_process(&c.state, root)->image = &image;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    collector_clear(&c);
    return 0;
}

/* A Python stack: one of the functions, called by main. */
static void stack(uint32_t id, uint32_t tid, enum stack_role role, size_t function, uint64_t time)
{
    struct stack_record record = {
        .id = id, .tid = tid, .tgid = root, .role = (uint8_t)role, .time = time, .n_frames = 2};

    record.code[0] = (uintptr_t)&code[function];
    record.code[1] = (uintptr_t)&code[2];
    assert_int_equal(feed(WIRE_STACKS, &record, sizeof(record)), 0);
}

static void wait_ends(uint32_t tid, uint8_t kind, uint64_t time, uint64_t ns, uint32_t id, uint8_t shift,
                      uint32_t waker)
{
    struct record record = {.type = RECORD_SLICE,
                            .time = time,
                            .tid = tid,
                            .tgid = root,
                            .kind = kind,
                            .blocked_ns = ns,
                            .stack_id = id,
                            .stack_shift = shift,
                            .other_tid = waker};

    assert_int_equal(feed(WIRE_RECORDS, &record, sizeof(record)), 0);
}

/* The threads end with what the slices said, and `more_ns` that no slice told. */
static struct measurement *measured(uint8_t kind, uint64_t more_ns)
{
    struct slot slots[2] = {{.tid = root, .tgid = root, .is_process = 1}, {.tid = worker, .tgid = root}};
    struct wire_final final = {.end_ns = END, .stacks_lost = 3};
    struct measurement *m = measurement_new();
    const char *problem = "";

    for (size_t i = 0; i < 2; i++) {
        const struct run_thread *thread = run_state_find_thread(&c.state, slots[i].tid);

        slots[i].birth = BEGIN;
        slots[i].death = END;
        slots[i].on_cpu_ns = 1000;
        for (size_t k = 0; thread && k < thread->n_slices; k++)
            slots[i].blocked_ns[thread->slices[k].kind] += thread->slices[k].blocked_ns;
    }
    slots[0].blocked_ns[kind] += more_ns;
    assert_int_equal(feed(WIRE_OBITUARIES, slots, sizeof(slots)), 0);
    final.totals.threads = final.grave.threads = 2;
    final.totals.processes = 1;
    assert_int_equal(feed(WIRE_FINAL, &final, sizeof(final)), 0);
    m->machine.cpus = m->machine.cpus_allowed = 2;
    assert_int_equal(assemble(&c, m), 0);
    m->loss.threads_omitted = 1; /* the sums of the graves are left out here */
    if (measurement_check(m, &problem) < 0 && !strstr(problem, "thread_time"))
        fail_msg("%s", problem);
    return m;
}

static void a_site_has_what_its_waits_took(void **state)
{
    CLEANUP(measurement_freep) struct measurement *m = NULL;

    (void)state;
    stack(1, root, STACK_WAIT, 0, BEGIN + 1000000);
    wait_ends(root, WAIT_SLEEP, BEGIN + 6000000, 5000000, 1, 0, 0);
    wait_ends(root, WAIT_SLEEP, BEGIN + 16000000, 5000000, 0, 0, 0); /* no stack was taken */
    stack(2, worker, STACK_WAIT, 0, BEGIN + 1000000);
    wait_ends(worker, WAIT_SLEEP, BEGIN + 7000000, 6000000, 2, 1, 0);
    m = measured(WAIT_SLEEP, 16000000); /* as much again was lost on the way */
    assert_int_equal(m->n_sites, 1);
    assert_false(m->sites[0].on_cpu);
    assert_int_equal(m->sites[0].cause, CAUSE_SLEEP);
    assert_int_equal(m->sites[0].time_ns, 32000000);
    assert_int_equal(m->sites[0].threads, 2);
    assert_int_equal(m->sites[0].longest_ns, 6000000);
    assert_string_equal(m->sites[0].frames[0].function, "fetch");
    assert_string_equal(m->sites[0].frames[0].file, "crawl.py");
    assert_int_equal(m->sites[0].frames[0].line, 10);
    assert_string_equal(m->sites[0].frames[1].function, "main");
    assert_int_equal(m->loss.stacks_taken, 2);
    assert_int_equal(m->loss.stacks_failed, 0);
    assert_int_equal(m->loss.stacks_lost, 3);
}

/* A wait was called off as it began; its stack must not name the next one, which has none. */
static void a_stack_belongs_to_one_wait(void **state)
{
    CLEANUP(measurement_freep) struct measurement *m = NULL;

    (void)state;
    stack(1, root, STACK_WAIT, 0, BEGIN + 1000000);
    wait_ends(root, WAIT_SLEEP, BEGIN + 26000000, 5000000, 1, 0, 0);
    m = measured(WAIT_SLEEP, 0);
    assert_int_equal(m->n_sites, 0);
}

/* A slice is told when its thread runs again, which may be long after its wait. */
static void a_late_switch_in_loses_no_stack(void **state)
{
    CLEANUP(measurement_freep) struct measurement *m = NULL;
    struct record record = {.type = RECORD_SLICE,
                            .time = BEGIN + 106000000,
                            .tid = root,
                            .tgid = root,
                            .kind = WAIT_SLEEP,
                            .blocked_ns = 5000000,
                            .runnable_ns = 100000000,
                            .stack_id = 1};

    (void)state;
    stack(1, root, STACK_WAIT, 0, BEGIN + 1000000);
    assert_int_equal(feed(WIRE_RECORDS, &record, sizeof(record)), 0);
    m = measured(WAIT_SLEEP, 0);
    assert_int_equal(m->n_sites, 1);
    assert_int_equal(m->sites[0].time_ns, 5000000);
}

/* A wait in epoll that began with so many timers scheduled, as the kernel side saw them. */
static void loop_waits(uint32_t id, uint32_t tid, union code *const frames[2], struct loop_timers timers,
                       uint64_t begin)
{
    struct stack_record record = {
        .id = id, .tid = tid, .tgid = root, .role = STACK_WAIT, .time = begin, .n_frames = 2, .timers = timers};

    record.code[0] = (uintptr_t)frames[0];
    record.code[1] = (uintptr_t)frames[1];
    assert_int_equal(feed(WIRE_STACKS, &record, sizeof(record)), 0);
    wait_ends(tid, WAIT_EPOLL_TIMEOUT, begin + 10000000, 10000000, id, 0, 0);
}

/* Timers are an asyncio loop's own; what looks like them elsewhere is not believed. */
static void timers_are_those_of_the_loop_that_waits(void **state)
{
    CLEANUP(measurement_freep) struct measurement *m = NULL;
    static struct text name[2], path[2];
    static union code select, run_once;
    union code *const in_loop[2] = {&select, &run_once}, *const elsewhere[2] = {&select, &code[0]};

    (void)state;
    write_text(&name[0], "EpollSelector.select");
    write_text(&path[0], "/usr/lib/python3.11/selectors.py");
    write_text(&name[1], "BaseEventLoop._run_once");
    write_text(&path[1], "/usr/lib/python3.11/asyncio/base_events.py");
    write_code(&select, &name[0], &path[0], 1, 0);
    write_code(&run_once, &name[1], &path[1], 1, 0);
    loop_waits(1, root, in_loop, (struct loop_timers){.known = 1, .n = 30, .looked = 0}, BEGIN);
    loop_waits(2, root, in_loop, (struct loop_timers){.known = 1, .n = 50, .looked = 10, .sleeps = 4},
               BEGIN + 20000000);
    loop_waits(3, root, in_loop, (struct loop_timers){.n = 7000}, BEGIN + 40000000); /* not known */
    loop_waits(4, root, elsewhere, (struct loop_timers){.known = 1, .n = 7000}, BEGIN + 60000000);
    for (uint32_t id = 5; id < 8; id++) /* another thread's loop has numbers of its own */
        loop_waits(id, worker, in_loop, (struct loop_timers){.known = 1, .n = 3}, BEGIN + id * 20000000);
    m = measured(WAIT_EPOLL_TIMEOUT, 0);
    assert_int_equal(m->n_loops, 2);
    assert_int_equal(m->loops[0].tid, root);
    assert_true(m->loops[0].timers_mean > 39.99 && m->loops[0].timers_mean < 40.01);
    assert_int_equal(m->loops[0].timers_max, 50);
    assert_true(m->loops[0].sleepers_mean > 9.99 && m->loops[0].sleepers_mean < 10.01);
    assert_int_equal(m->loops[1].tid, worker);
    assert_true(m->loops[1].timers_mean > 2.99 && m->loops[1].timers_mean < 3.01);
    assert_true(m->loops[1].sleepers_mean == 0);
}

static void cpu_time_is_shared_by_samples(void **state)
{
    CLEANUP(measurement_freep) struct measurement *m = NULL;

    (void)state;
    for (uint32_t i = 0; i < 4; i++)
        stack(10 + i, root, STACK_SAMPLE, i == 3 ? 0 : 1, BEGIN + i * 4000000);
    m = measured(WAIT_SLEEP, 0);
    assert_int_equal(m->n_sites, 2);
    assert_true(m->sites[0].on_cpu);
    assert_string_equal(m->sites[0].frames[0].function, "parse");
    assert_int_equal(m->sites[0].count, 3);
    assert_int_equal(m->sites[0].time_ns, 750); /* of the 1000 ns that the thread was on a CPU */
    assert_int_equal(m->sites[1].time_ns, 250);
}

static void wakers_and_holders_come_by_the_id_of_the_wait(void **state)
{
    CLEANUP(measurement_freep) struct measurement *m = NULL;

    (void)state;
    image.gil_start = 0x1000;
    image.gil_end = 0x2000;
    stack(1, worker, STACK_WAIT, 0, BEGIN + 1000000);
    stack(1, 0, STACK_HOLDER, 1, BEGIN + 1000000);
    stack(1, root, STACK_WAKER, 3, BEGIN + 6000000);
    {
        struct record record = {.type = RECORD_SLICE,
                                .time = BEGIN + 6000000,
                                .tid = worker,
                                .tgid = root,
                                .kind = WAIT_FUTEX_OTHER,
                                .blocked_ns = 5000000,
                                .stack_id = 1,
                                .stack_shift = 1,
                                .other_tid = root,
                                .address_low = 0x1800};

        assert_int_equal(feed(WIRE_RECORDS, &record, sizeof(record)), 0);
    }
    m = measured(WAIT_SLEEP, 0);
    assert_int_equal(m->n_holders, 1);
    assert_int_equal(m->holders[0].cause, CAUSE_INTERPRETER_LOCK);
    assert_int_equal(m->holders[0].time_ns, 5000000); /* one wait in its stratum: it stands for itself */
    assert_int_equal(m->holders[0].tid, 0);
    assert_string_equal(m->holders[0].frames[0].function, "parse");
    assert_int_equal(m->n_wakers, 1);
    assert_int_equal(m->wakers[0].waiter_tid, worker);
    assert_int_equal(m->wakers[0].waker_tid, root);
    assert_int_equal(m->wakers[0].cause, CAUSE_INTERPRETER_LOCK);
    assert_int_equal(m->wakers[0].time_ns, 5000000);
    assert_int_equal(m->wakers[0].count, 1);
    assert_string_equal(m->wakers[0].waiter_frames[0].function, "fetch");
    assert_string_equal(m->wakers[0].waker_frames[0].function, "connect");
}

/* The owner of a mutex comes with the native half; where it had it is where it lets go. */
static void the_owner_of_a_mutex_is_a_holder(void **state)
{
    CLEANUP(measurement_freep) struct measurement *m = NULL;
    struct wire_native native = {.size = sizeof(native), .id = 1, .tid = worker, .tgid = root, .role = STACK_WAIT};

    (void)state;
    native.owner_tid = root;
    native.time = BEGIN + 1000000;
    assert_int_equal(feed(WIRE_NATIVES, &native, sizeof(native)), 0);
    stack(1, root, STACK_WAKER, 1, BEGIN + 3000000);
    wait_ends(worker, WAIT_FUTEX_MUTEX, BEGIN + 3000000, 2000000, 1, 0, root);
    m = measured(WAIT_SLEEP, 0);
    assert_int_equal(m->n_holders, 1);
    assert_int_equal(m->holders[0].cause, CAUSE_LOCK);
    assert_int_equal(m->holders[0].tid, root);
    assert_int_equal(m->holders[0].time_ns, 2000000);
    assert_int_equal(m->holders[0].n_frames, 2);
    assert_string_equal(m->holders[0].frames[0].function, "parse");
}

static void peers_have_text_and_the_place_of_the_connect(void **state)
{
    CLEANUP(measurement_freep) struct measurement *m = NULL;
    struct wire_peer peers[3] = {
        {.key = {.tgid = root, .family = AF_INET, .port = 5432},
         .value = {.connects = 2, .established = 2, .handshake_ns = 9, .first = BEGIN + 5, .last = BEGIN + 7}},
        {.key = {.tgid = root, .family = AF_INET6, .port = 443},
         .value = {.connects = 40, .established = 39, .first = BEGIN - 5, .last = BEGIN + 8, .stack_id = 77}},
    };

    (void)state;
    assert_int_equal(inet_pton(AF_INET, "192.0.2.1", peers[0].key.address), 1);
    assert_int_equal(inet_pton(AF_INET6, "2001:db8::1", peers[1].key.address), 1);
    peers[2] = peers[0]; /* sent again, with what it had come to */
    peers[2].value.connects = 3;
    stack(77, root, STACK_CONNECT, 3, BEGIN + 8);
    assert_int_equal(feed(WIRE_PEERS, peers, sizeof(peers)), 0);
    m = measured(WAIT_SLEEP, 0);
    assert_int_equal(m->n_peers, 2);
    assert_string_equal(m->peers[0].address, "[2001:db8::1]:443");
    assert_int_equal(m->peers[0].connects, 40);
    assert_int_equal(m->peers[0].first_ns, 0);
    assert_int_equal(m->peers[0].last_ns, 8);
    assert_string_equal(m->peers[0].frames[0].function, "connect");
    assert_string_equal(m->peers[1].address, "192.0.2.1:5432");
    assert_int_equal(m->peers[1].connects, 3);
    assert_int_equal(m->peers[1].n_frames, 0);
}

static void packed_messages_with_odd_sizes_are_refused(void **state)
{
    union {
        struct wire_native native;
        struct wire_mapping mapping;
        uint8_t bytes[256];
    } message = {.bytes = {0}};

    (void)state;
    for (uint32_t size = 0; size <= 256; size += 4) {
        bool whole = size >= sizeof(message.native) && size <= 200 && size % 8 == 0;

        message.native = (struct wire_native){.size = size, .tgid = root, .id = 1};
        assert_int_equal(feed(WIRE_NATIVES, &message, size < 200 ? size : 200), size == 0 ? 0 : (whole ? 0 : -EPROTO));
    }
    for (uint32_t size = 4; size < 256; size += 4) {
        message.mapping = (struct wire_mapping){.size = size, .tgid = root, .start = 0x1000, .length = 0x1000};
        strcpy(message.mapping.path, "/x");
        assert_int_equal(feed(WIRE_MAPPINGS, &message, 200),
                         size > sizeof(message.mapping) && size <= 200 && 200 % size == 0 && size % 8 == 0 ? 0
                                                                                                           : -EPROTO);
    }
    message.mapping.size = sizeof(message.mapping) + 8;
    memset(message.mapping.path, 'x', 8); /* never ends */
    assert_int_equal(feed(WIRE_MAPPINGS, &message, sizeof(message.mapping) + 8), -EPROTO);
    message.mapping.start = UINT64_MAX - 5;
    strcpy(message.mapping.path, "/x");
    assert_int_equal(feed(WIRE_MAPPINGS, &message, sizeof(message.mapping) + 8), -EPROTO);
    assert_int_equal(feed(WIRE_PEERS, &message, 7), -EPROTO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_site_has_what_its_waits_took, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_stack_belongs_to_one_wait, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_late_switch_in_loses_no_stack, set_up, tear_down),
        cmocka_unit_test_setup_teardown(timers_are_those_of_the_loop_that_waits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(cpu_time_is_shared_by_samples, set_up, tear_down),
        cmocka_unit_test_setup_teardown(wakers_and_holders_come_by_the_id_of_the_wait, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_owner_of_a_mutex_is_a_holder, set_up, tear_down),
        cmocka_unit_test_setup_teardown(peers_have_text_and_the_place_of_the_connect, set_up, tear_down),
        cmocka_unit_test_setup_teardown(packed_messages_with_odd_sizes_are_refused, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
