/* SPDX-License-Identifier: BSD-2-Clause */
/* Findings name who and where, and stay silent where an expert would. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cases.h"
#include "flaws.h"
#include "flaws_places.h"
#include "places.h"

#define MIB (UINT64_C(1) << 20)
#define LIB "/usr/lib/python3.11/"
#define STACK(...)               \
    &(const struct place_frames) \
    {                            \
        {                        \
            __VA_ARGS__          \
        }                        \
    }

/* The finding of a measurement, which is freed: free the advice with advice_free(). NULL: not found */
static const struct finding *look(struct measurement *m, int id, struct advice **ret_advice)
{
    *ret_advice = build_advice(m);
    measurement_free(m);
    return build_finding(*ret_advice, id);
}

static bool found(struct measurement *m, int id)
{
    struct advice *a;
    bool is_there = look(m, id, &a) != NULL;

    advice_free(a);
    return is_there;
}

/* Fails unless the detail (or the remedy) says that. */
static void assert_says(struct measurement *m, int id, const char *detail, const char *remedy)
{
    struct advice *a;
    const struct finding *finding = look(m, id, &a);

    if (!finding)
        fail_msg("CA%d not found", id);
    if (detail && !strstr(finding->detail, detail))
        fail_msg("CA%d: no \"%s\" in: %s", id, detail, finding->detail);
    if (remedy && !(finding->remedy && strstr(finding->remedy, remedy)))
        fail_msg("CA%d: no \"%s\" in: %s", id, remedy, finding->remedy ? finding->remedy : "(none)");
    advice_free(a);
}

static void a_queue_for_the_interpreter_lock_names_its_holder(void **state)
{
    struct measurement *m = case_gil_threads(4, 500 * MS, 1500 * MS);

    (void)state;
    place_site(m, true, CAUSE_OTHER, 1000 * MS, false, STACK("burn crawl.py:12"));
    assert_says(m, 2001, "most CPU in burn() at crawl.py:12", NULL);
    m = case_gil_threads(4, 500 * MS, 1500 * MS);
    place_site(m, true, CAUSE_OTHER, 1000 * MS, false, STACK("burn crawl.py:12"));
    /* 30 + 31 % of two lines of one function are more than 39 % of another. */
    place_holder(m, CAUSE_INTERPRETER_LOCK, 390 * MS, 102, STACK("log crawl.py:30"));
    place_holder(m, CAUSE_INTERPRETER_LOCK, 310 * MS, 101, STACK("match " LIB "re.py:2", "parse /srv/crawl.py:88"));
    place_holder(m, CAUSE_INTERPRETER_LOCK, 300 * MS, 103, STACK("parse /srv/crawl.py:91"));
    place_holder(m, CAUSE_LOCK, 9000 * MS, 104, STACK("other /srv/crawl.py:1"));
    assert_says(m, 2001, "; held by parse() at crawl.py:88 for 61 % of it", NULL);
}

static void a_queue_for_a_mutex_names_its_holder_else_who_let_go(void **state)
{
    struct measurement *m = flaw_make(2101);

    (void)state;
    place_lock(m, CAUSE_LOCK, 0x1000, 900 * MS, 4);
    place_lock(m, CAUSE_LOCK, 0x2000, 100 * MS, 2);
    place_lock(m, CAUSE_LOCK, 0x3000, 100 * MS, 1); /* nobody queues there */
    place_waker(m, CAUSE_HANDOFF, 101, 102, 5000 * MS, 10, STACK("put queue.c:1"));
    place_waker(m, CAUSE_LOCK, 101, 102, 970 * MS, 10, STACK("unlock libc.so.6", "count words.c:40"));
    place_waker(m, CAUSE_LOCK, 102, 101, 30 * MS, 10, STACK("merge words.c:50"));
    assert_says(m, 2101, "; 2 locks, the hottest takes 90 % of it; let go by count() at words.c:40", NULL);
    m = flaw_make(2201);
    place_lock(m, CAUSE_LOCK, 0x1000, 900 * MS, 4);
    place_waker(m, CAUSE_LOCK, 101, 102, 970 * MS, 10, STACK("count words.c:40"));
    place_holder(m, CAUSE_LOCK, 390 * MS, 102, NULL);
    assert_says(m, 2201, "; one lock takes 100 % of it; held by thread 102", NULL);
}

static void a_call_that_blocks_a_loop_is_named_with_its_twin(void **state)
{
    struct measurement *m = flaw_make(3101);

    (void)state;
    place_no_sites(m);
    place_site(m, false, CAUSE_SLEEP, 60 * MS, true,
               STACK("*Device.poll app.py:7", "*main app.py:20", "_run " LIB "asyncio/events.py:80"));
    m->loops[0].longest_stall_ns = 120 * MS;
    m->loops[0].stalls = 3;
    m->loops[0].stall_ns = 330 * MS;
    assert_says(m, 3101, "time.sleep in coroutine Device.poll(); longest stall 120 ms; 3 of 100 ms and more, 330 ms",
                "asyncio.sleep() instead of time.sleep: Device.poll() at app.py:7");
    m = flaw_make(3101);
    place_no_sites(m);
    place_site(m, false, CAUSE_NETWORK, 60 * MS, true,
               STACK("execute " LIB "site-packages/ibm_db_dbi.py:7", "*query app.py:9"));
    assert_says(m, 3101, "ibm_db in coroutine query()", "asyncio.to_thread()");
}

static void computing_in_a_loop_names_the_coroutine(void **state)
{
    struct measurement *m = flaw_make(3102);

    (void)state;
    place_site(m, true, CAUSE_OTHER, 100 * MS, true, STACK("parse app.py:3", "*handle app.py:9"));
    assert_says(m, 3102, "most in parse() at app.py:3 of coroutine handle()", NULL);
}

static void serial_awaits_say_what_overlapping_saves(void **state)
{
    (void)state;
    /* Forty waits of 50 ms and next to no CPU: all but a fortieth. */
    assert_says(flaw_make(3002), 3002, "one outstanding at a time; overlapping them saves 97 % of the run", NULL);
}

static void connections_that_are_kept_or_refused_are_no_flaw(void **state)
{
    struct measurement *m;

    (void)state;
    assert_says(flaw_connections(12, 1, 3), 3301, "12 connections to 192.0.2.1:5432", "fetch() at app.py:12");
    assert_says(flaw_connections(12, 1, 3), 3301, "3 more unanswered", "requests.Session");
    assert_false(found(flaw_connections(12, 12, 0), 3301)); /* a pool */
    assert_false(found(flaw_connections(0, 1, 40), 3301));  /* nobody there */
    assert_false(found(flaw_connections(9, 1, 0), 3301));   /* too few to speak of */
    assert_true(found(flaw_connections(12, 0, 0), 3301));   /* nobody counted the open ones: one now and then */
    m = flaw_connections(12, 0, 0);
    m->peers[0].last_ns = m->peers[0].first_ns + m->wall_ns / 6; /* a burst: it may be a pool */
    assert_false(found(m, 3301));
}

/* Connections of many workers, a few each. */
static void each_process_is_judged_by_itself(void **state)
{
    struct measurement *m = flaw_copies(0, RUNTIME_CPYTHON, 4);

    (void)state;
    for (int i = 0; i < 4; i++)
        place_peer(m, 101 + i, "192.0.2.1:80", 3, 3, MS, NULL);
    assert_false(found(m, 3301));
}

static void the_place_of_connections_comes_first(void **state)
{
    struct advice *a;
    const struct finding *finding = look(flaw_connections(12, 1, 0), 3301, &a);

    (void)state;
    assert_int_equal(finding->n_sites, 1);
    assert_int_equal(finding->sites[0].count, 12);
    assert_string_equal(finding->sites[0].frames[3].function, "fetch");
    assert_int_equal(finding->severity, SEVERITY_LOW);
    advice_free(a);
}

static void a_full_pool_on_full_cpus_lacks_cpus(void **state)
{
    struct measurement *m = flaw_full_pool(0.9);

    (void)state;
    assert_says(flaw_full_pool(0.9), 3103, "all 4 threads", "UV_THREADPOOL_SIZE=16");
    m->machine.cpus = m->machine.cpus_allowed = 1;
    for (size_t i = 0; i < m->n_threads; i++) {
        m->threads[i].on_cpu_ns += m->threads[i].blocked_ns[CAUSE_NETWORK];
        m->threads[i].blocked_ns[CAUSE_NETWORK] = 0;
    }
    measurement_sum_threads(m);
    m->external_wait_union_ns = 0;
    m->n_parallelism = 2;
    m->parallelism_ns[0] = 0;
    m->parallelism_ns[1] = m->wall_ns;
    assert_false(found(m, 3103));
}

static void a_twin_is_named_only_where_it_would_be_of_use(void **state)
{
    struct advice *a;
    const struct finding *finding;
    static const char requests[] = "send " LIB "site-packages/requests/adapters.py:489";
    static const char ibm_db[] = "execute " LIB "site-packages/ibm_db_dbi.py:7";

    (void)state;
    assert_says(flaw_library(requests, 2, false), 3401, "in requests",
                "aiohttp or httpx.AsyncClient instead of requests");
    finding = look(flaw_library(requests, 4, true), 3401, &a);
    assert_non_null(finding);
    assert_int_equal(finding->severity, SEVERITY_INFO); /* threads beside a loop serve it well enough */
    advice_free(a);
    assert_false(found(flaw_library(ibm_db, 2, false), 3401));         /* has none */
    assert_false(found(flaw_library("ask app.py:3", 2, false), 3401)); /* no library */
    assert_false(found(flaw_make(3101), 3401));                        /* CA3101 names it */
}

/* Every access to a Manager is traffic, and nothing that a chunksize would mend. */
static void a_manager_is_no_pool(void **state)
{
    struct measurement *m = flaw_make(4102);

    (void)state;
    assert_false(found(flaw_make(4102), 4101)); /* the same flaw once */
    assert_says(flaw_make(4102), 4102, "50 % of CPU carries items", "chunksize");
    place_no_sites(m);
    place_site(m, true, CAUSE_OTHER, 2000 * MS, false,
               STACK("recv " LIB "multiprocessing/connection.py:250",
                     "_callmethod " LIB "multiprocessing/managers.py:818", "count words.py:8"));
    place_site(m, true, CAUSE_OTHER, 1000 * MS, false, STACK("count words.py:9"));
    assert_true(found(m, 4101));
}

static void only_a_copy_is_called_one(void **state)
{
    struct measurement *m;

    (void)state;
    assert_says(flaw_copies(40 * MIB, RUNTIME_CPYTHON, 2), 4201, "2 workers copied 40 MiB each of the 100 MiB",
                "arrays");
    assert_true(found(flaw_copies(40 * MIB, RUNTIME_CPYTHON, 1), 4201));
    assert_false(found(flaw_copies(40 * MIB, RUNTIME_NATIVE, 1), 4201)); /* saves a snapshot */
    assert_true(found(flaw_copies(40 * MIB, RUNTIME_NATIVE, 2), 4201));
    m = flaw_copies(40 * MIB, RUNTIME_CPYTHON, 2);
    m->processes[1].execed = m->processes[2].execed = true; /* memory of its own */
    assert_false(found(m, 4201));
    m = flaw_copies(40 * MIB, RUNTIME_CPYTHON, 2);
    m->processes[0].memory[1].rss_bytes = 55 * MIB; /* the parent let go of it: nobody copied */
    assert_false(found(m, 4201));
    m = flaw_copies(40 * MIB, RUNTIME_CPYTHON, 2);
    for (int i = 1; i <= 2; i++)
        m->processes[i].memory[1].rss_bytes = 145 * MIB; /* it allocated that */
    assert_false(found(m, 4201));
    m = flaw_copies(40 * MIB, RUNTIME_CPYTHON, 2);
    m->processes[0].memory[0].rss_bytes = m->processes[0].memory[1].rss_bytes = 500 * MIB; /* a crumb of it */
    assert_false(found(m, 4201));
}

static uint64_t loads_then_works(int i)
{
    return (i < 8 ? 20 + (uint64_t)i * 30 : 250) * MIB;
}

static uint64_t sawtooth(int i)
{
    return (100 + (uint64_t)(i % 5) * 20 + (uint64_t)i) * MIB;
}

static uint64_t steps_late(int i)
{
    return (i < 17 ? 50 : 90) * MIB;
}

static uint64_t grows_then_stops(int i)
{
    return (i < 14 ? 40 + (uint64_t)i * 10 : 180) * MIB;
}

static uint64_t grows(int i)
{
    return (40 + (uint64_t)i * 10) * MIB;
}

static uint64_t grows_and_is_torn_down(int i)
{
    return (i < 19 ? 40 + (uint64_t)i * 10 : 10) * MIB;
}

static uint64_t grows_and_is_torn_down_slowly(int i)
{
    return (i < 18 ? 40 + (uint64_t)i * 10 : 210 - (uint64_t)(i - 17) * 90) * MIB;
}

static uint64_t gives_back_for_long(int i)
{
    return (i < 15 ? 40 + (uint64_t)i * 10 : 180 - (uint64_t)(i - 14) * 25) * MIB;
}

static void memory_that_stays_or_comes_back_does_not_grow(void **state)
{
    struct advice *a;
    struct measurement *m;

    (void)state;
    assert_false(found(flaw_memory(loads_then_works), 5002));
    assert_false(found(flaw_memory(sawtooth), 5002));
    assert_false(found(flaw_memory(steps_late), 5002));
    assert_false(found(flaw_memory(grows_then_stops), 5002));
    assert_true(found(flaw_memory(grows_and_is_torn_down), 5002));
    assert_true(found(flaw_memory(grows_and_is_torn_down_slowly), 5002));
    assert_false(found(flaw_memory(gives_back_for_long), 5002));
    assert_int_equal(look(flaw_memory(grows), 5002, &a)->severity, SEVERITY_INFO); /* it may be its result */
    advice_free(a);
    m = flaw_memory(grows);
    m->processes[0].listens = true; /* a server's is none */
    m->machine.memory_bytes = UINT64_C(1) << 40;
    assert_int_equal(look(m, 5002, &a)->severity, SEVERITY_LOW);
    advice_free(a);
    m = flaw_memory(grows);
    m->processes[0].listens = true;
    m->machine.memory_bytes = 330 * MIB; /* 230 now, 20 a second */
    assert_says(m, 5002,
                "20.0 MiB a second, by 90 MiB in the second half of the run; at this rate memory is full after "
                "5 s more",
                NULL);
}

static void names_of_the_c_library_are_none_of_the_program(void **state)
{
    struct measurement *m = case_serial_cpu(RUNTIME_NATIVE, 1000 * MS);

    (void)state;
    place_site(m, true, CAUSE_OTHER, 690 * MS, false, STACK("work work.c:3", "main work.c:9"));
    place_site(m, true, CAUSE_OTHER, 310 * MS, false,
               STACK("memcpy /lib/libc.so.6", "? /srv/lib/libgrind.so.1", "__libc_start_main /lib/libc.so.6"));
    assert_says(m, 9005, "31 % of the stacks have no names; largest in libgrind.so.1", "-g");
    m = case_serial_cpu(RUNTIME_NATIVE, 1000 * MS);
    place_site(m, true, CAUSE_OTHER, 1000 * MS, false, STACK("? /usr/bin/python3.11", "work app.py:3"));
    assert_false(found(m, 9005));
    m = case_serial_cpu(RUNTIME_NATIVE, 1000 * MS);
    place_site(m, true, CAUSE_OTHER, 1000 * MS, false, STACK("memcpy /lib/libc.so.6"));
    assert_false(found(m, 9005)); /* no frame of the program's was reached: not for want of symbols */
}

/* Every 20 ms a thread is born that never ends; or as many at the start. */
static struct measurement *parked_threads(size_t n, uint64_t every_ns, size_t at_once)
{
    struct measurement *m = build_new(RUNTIME_NATIVE, 4);

    build_repeat(m, build_lane(m, 100, 100, 0), 1, 2000 * MS, 0, CAUSE_OTHER, 0);
    for (size_t i = 0; i < n; i++) {
        uint64_t birth_ns = i < at_once ? MS : every_ns * i;

        build_repeat(m, build_lane(m, 100, (int32_t)(101 + i), birth_ns), 1, 100 * US, 0, CAUSE_HANDOFF,
                     2000 * MS - birth_ns - 100 * US);
        m->threads[m->n_threads - 1].alive = true;
    }
    build_finish(m, 0.0);
    return m;
}

static void threads_that_only_come_grow_a_pool_does_not(void **state)
{
    (void)state;
    assert_says(parked_threads(95, 20 * MS, 0), 4003, "their number grew to the end: 44, 69, 94", NULL);
    assert_false(found(parked_threads(95, 20 * MS, 95), 4003));
    /* Half of the pool comes as the work does. */
    assert_false(found(parked_threads(95, 10 * MS, 0), 4003));
}

static void workers_per_item_say_what_starting_them_costs(void **state)
{
    struct measurement *m = flaw_make(4001);

    (void)state;
    m->replay_process_start_ns = 2600 * US;
    assert_says(m, 4001, "; starting them takes about", NULL);
    m = flaw_make(4001);
    m->replay_process_start_ns = 2600 * US;
    assert_says(m, 4001, ", 2.6 ms each here", NULL);
    m = flaw_make(4101);
    m->processes[0].writes = m->processes[1].writes = 1000;
    m->processes[0].written_bytes = m->processes[1].written_bytes = MIB;
    assert_says(m, 4101, "round trips", NULL);
    m = flaw_make(4101);
    m->processes[0].writes = m->processes[1].writes = 1000;
    m->processes[0].written_bytes = m->processes[1].written_bytes = MIB;
    assert_says(m, 4101, "; 2 MiB in 2000 writes, 1049 bytes each", NULL);
}

/*
 * Five workers of a SimpleQueue: the producer, who never waits there, ends `fed` of their hundred waits each, the
 * others end the rest.
 */
static struct measurement *simple_queue(size_t fed)
{
    struct measurement *m = build_new(RUNTIME_CPYTHON, 4);

    build_repeat(m, build_lane(m, 100, 100, 0), 1, 1000 * MS, 0, CAUSE_OTHER, 0);
    for (int i = 0; i < 5; i++) {
        size_t lane = build_lane(m, 100, 101 + i, MS);

        build_handoff(m, lane, fed, MS, CAUSE_HANDOFF, 5 * MS, 0x1000, 100);
        build_handoff(m, lane, 100 - fed, MS, CAUSE_HANDOFF, 5 * MS, 0x1000, 101 + (i + 1) % 5);
    }
    build_finish(m, 0.0);
    return m;
}

static void workers_that_wait_for_items_queue_for_no_lock(void **state)
{
    (void)state;
    assert_true(found(simple_queue(20), 2101)); /* they hand a lock to each other */
    assert_false(found(simple_queue(30), 2101));
}

/* Libuv's workers, whenever they are woken. */
static void mutexes_of_a_runtime_are_nobody_s_flaw(void **state)
{
    struct measurement *m = flaw_make(2101);

    (void)state;
    m->target.runtime.kind = RUNTIME_NODE;
    assert_false(found(m, 2101));
}

static void spread_work_keeps_no_single_core_busy(void **state)
{
    struct measurement *m = build_new(RUNTIME_NATIVE, 4);

    (void)state;
    for (int i = 0; i < 2; i++)
        build_repeat(m, build_lane(m, 100 + i, 100 + i, 0), 100, 2 * MS, 3 * MS, CAUSE_IDLE, 5 * MS);
    build_finish(m, 0.0);
    assert_false(found(m, 1001));
}

/* The action is the finding's own, with the place, and it is said once. */
static void what_to_do_is_said_once(void **state)
{
    struct measurement *m = flaw_make(3101);
    struct advice *a;
    size_t n = 0;

    (void)state;
    place_no_sites(m);
    place_site(m, false, CAUSE_NETWORK, 60 * MS, true,
               STACK("send " LIB "site-packages/requests/adapters.py:489", "*fetch app.py:9"));
    a = build_advice(m);
    measurement_free(m);
    for (size_t i = 0; i < a->recommendation.n_actions; i++)
        n += strstr(a->recommendation.actions[i], "aiohttp") != NULL;
    assert_int_equal(n, 1);
    advice_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_queue_for_the_interpreter_lock_names_its_holder),
        cmocka_unit_test(a_queue_for_a_mutex_names_its_holder_else_who_let_go),
        cmocka_unit_test(a_call_that_blocks_a_loop_is_named_with_its_twin),
        cmocka_unit_test(computing_in_a_loop_names_the_coroutine),
        cmocka_unit_test(serial_awaits_say_what_overlapping_saves),
        cmocka_unit_test(connections_that_are_kept_or_refused_are_no_flaw),
        cmocka_unit_test(each_process_is_judged_by_itself),
        cmocka_unit_test(the_place_of_connections_comes_first),
        cmocka_unit_test(a_full_pool_on_full_cpus_lacks_cpus),
        cmocka_unit_test(a_twin_is_named_only_where_it_would_be_of_use),
        cmocka_unit_test(a_manager_is_no_pool),
        cmocka_unit_test(only_a_copy_is_called_one),
        cmocka_unit_test(memory_that_stays_or_comes_back_does_not_grow),
        cmocka_unit_test(names_of_the_c_library_are_none_of_the_program),
        cmocka_unit_test(threads_that_only_come_grow_a_pool_does_not),
        cmocka_unit_test(workers_per_item_say_what_starting_them_costs),
        cmocka_unit_test(workers_that_wait_for_items_queue_for_no_lock),
        cmocka_unit_test(mutexes_of_a_runtime_are_nobody_s_flaw),
        cmocka_unit_test(spread_work_keeps_no_single_core_busy),
        cmocka_unit_test(what_to_do_is_said_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
