/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "analyzer/async_twins.h"
#include "analyzer/async_twins_table.h"
#include "cases.h"
#include "places.h"

static void modules_are_known_by_their_last_component(void **state)
{
    (void)state;
    assert_string_equal(async_twin_of("requests", RUNTIME_CPYTHON)->library, "requests");
    assert_string_equal(async_twin_of("requests.sessions", RUNTIME_CPYTHON)->library, "requests");
    assert_string_equal(async_twin_of("/usr/lib/x86_64-linux-gnu/libpq.so.5", RUNTIME_CPYTHON)->library, "libpq");
    assert_string_equal(async_twin_of("psycopg2._psycopg", RUNTIME_CPYTHON)->library, "psycopg2");
    assert_null(async_twin_of("pyodbc", RUNTIME_CPYTHON)->twin);
    assert_null(async_twin_of("requestsomething", RUNTIME_CPYTHON));
    assert_null(async_twin_of("libc.so.6", RUNTIME_CPYTHON));
}

static void the_stack_outweighs_what_is_loaded(void **state)
{
    struct measurement *m = case_serial_waits(RUNTIME_CPYTHON, 20, 50 * MS, MS);

    (void)state;
    build_module(m, "urllib3");
    build_module(m, "requests");
    assert_string_equal(async_twin_seen(m)->library, "requests");
    build_site(m, false, CAUSE_NETWORK, 900 * MS, false, "execute",
               "/usr/lib/python3/dist-packages/psycopg2/__init__.py", 12, NULL);
    assert_string_equal(async_twin_seen(m)->library, "psycopg2");
    assert_true(async_twin_at_hand(m));
    measurement_free(m);
}

static void no_twin_means_threads(void **state)
{
    struct measurement *m = case_serial_waits(RUNTIME_CPYTHON, 20, 50 * MS, MS);
    struct measurement *native = case_serial_waits(RUNTIME_NATIVE, 20, 50 * MS, MS);
    struct measurement *disk = build_new(RUNTIME_CPYTHON, 4);

    (void)state;
    assert_true(async_twin_at_hand(m)); /* sockets of the standard library: asyncio has them, too */
    build_module(m, "pyodbc");
    assert_false(async_twin_at_hand(m));
    assert_false(async_twin_at_hand(native));
    build_repeat(disk, build_lane(disk, 100, 100, 0), 20, MS, 0, CAUSE_DISK, 50 * MS);
    build_finish(disk, 1.0);
    assert_false(async_twin_at_hand(disk));
    measurement_free(m);
    measurement_free(native);
    measurement_free(disk);
}

#define LIB "/usr/lib/python3.11/"
#define SITE LIB "site-packages/"

/* The library that a wait with this stack is in; "" where there is none. */
static const char *library_of(enum runtime_kind runtime, enum cause cause, const struct place_frames *stack)
{
    static char library[64];
    struct measurement *m = case_serial_waits(runtime, 20, 50 * MS, MS);
    const struct async_twin *twin = async_twin_of_site(m, place_site(m, false, cause, MS, true, stack));

    (void)snprintf(library, sizeof(library), "%s", twin ? twin->library : "");
    measurement_free(m);
    return library;
}

#define STACK(...)               \
    &(const struct place_frames) \
    {                            \
        {                        \
            __VA_ARGS__          \
        }                        \
    }

static void the_program_s_own_call_counts_not_what_is_below_it(void **state)
{
    (void)state;
    assert_string_equal(
        library_of(RUNTIME_CPYTHON, CAUSE_NETWORK,
                   STACK("readinto " LIB "socket.py:705", "_read_status " LIB "http/client.py:279",
                         "urlopen " SITE "urllib3/connectionpool.py:714", "send " SITE "requests/adapters.py:489",
                         "fetch /srv/app.py:12", "_run " LIB "asyncio/events.py:80")),
        "requests");
    assert_string_equal(
        library_of(RUNTIME_CPYTHON, CAUSE_NETWORK,
                   STACK("readinto " LIB "socket.py:705", "getresponse " LIB "http/client.py:1374", "fetch app.py:12")),
        "http.client");
    /* pip carries a copy of its own. */
    assert_string_equal(library_of(RUNTIME_CPYTHON, CAUSE_NETWORK,
                                   STACK("urlopen " SITE "pip/_vendor/urllib3/connectionpool.py:714", "main pip:1")),
                        "urllib3");
}

static void a_library_that_calls_the_program_is_not_what_is_waited_in(void **state)
{
    (void)state;
    assert_string_equal(library_of(RUNTIME_CPYTHON, CAUSE_NETWORK,
                                   STACK("send " SITE "requests/adapters.py:489", "on_message app.py:12",
                                         "start_consuming " SITE "pika/adapters/blocking_connection.py:1865")),
                        "requests");
    /* A folder of the program's own that is called like a library is none. */
    assert_string_equal(library_of(RUNTIME_CPYTHON, CAUSE_SLEEP, STACK("work /srv/app/redis/tasks.py:3")),
                        "time.sleep");
}

static void calls_of_the_standard_library_have_their_own_twin(void **state)
{
    (void)state;
    assert_string_equal(library_of(RUNTIME_CPYTHON, CAUSE_SLEEP, STACK("*fetch app.py:7")), "time.sleep");
    assert_string_equal(library_of(RUNTIME_CPYTHON, CAUSE_JOIN,
                                   STACK("_try_wait " LIB "subprocess.py:1917", "Popen.wait " LIB "subprocess.py:1264",
                                         "run " LIB "subprocess.py:550", "*convert app.py:9")),
                        "subprocess.run");
    assert_string_equal(library_of(RUNTIME_CPYTHON, CAUSE_HANDOFF,
                                   STACK("wait " LIB "threading.py:320", "get " LIB "queue.py:171", "*next app.py:9")),
                        "queue.Queue");
    assert_string_equal(library_of(RUNTIME_CPYTHON, CAUSE_DISK, STACK("*load app.py:9")), "file");
    assert_string_equal(library_of(RUNTIME_CPYTHON, CAUSE_NETWORK, STACK("ask app.py:9")), "socket");
    assert_string_equal(library_of(RUNTIME_NATIVE, CAUSE_NETWORK, STACK("ask ask.c:9")), "socket");
}

static void an_event_loop_s_own_wait_is_no_blocking_call(void **state)
{
    (void)state;
    assert_string_equal(
        library_of(RUNTIME_CPYTHON, CAUSE_NETWORK,
                   STACK("select " LIB "selectors.py:468", "_run_once " LIB "asyncio/base_events.py:1898",
                         "run " LIB "asyncio/runners.py:44", "main app.py:30")),
        "");
    assert_string_equal(
        library_of(RUNTIME_CPYTHON, CAUSE_NETWORK, STACK("run " SITE "gevent/hub.py:600", "main app.py:30")), "");
    assert_string_equal(library_of(RUNTIME_CPYTHON, CAUSE_NETWORK, STACK(NULL)), "");
}

static void shared_objects_are_known_in_every_language(void **state)
{
    static const struct place_frames stack = {
        {"poll libc.so.6", "pqWait /usr/lib/x86_64-linux-gnu/libpq.so.5.15", "ask /srv/ask"}};

    (void)state;
    assert_string_equal(library_of(RUNTIME_NATIVE, CAUSE_NETWORK, &stack), "libpq");
    assert_string_equal(library_of(RUNTIME_RUBY, CAUSE_NETWORK, &stack), "libpq");
    assert_non_null(strstr(async_twin_of("libpq.so.5", RUNTIME_NATIVE)->twin, "PQsendQuery"));
    assert_non_null(strstr(async_twin_of("libpq.so.5", RUNTIME_CPYTHON)->twin, "asyncpg"));
    assert_string_equal(
        library_of(RUNTIME_NODE, CAUSE_DISK, STACK("LazyCompile:*readFileSync node:fs:442:22", "uv_run /usr/bin/node")),
        "fs.*Sync");
    assert_null(async_twin_of("libsqlite3.so.0", RUNTIME_NATIVE)->twin);
    assert_non_null(strstr(async_twin_of("libsqlite3.so.0", RUNTIME_NATIVE)->without, "pool"));
}

/* psycopg2's cursors are C: the innermost Python frame is the program's own. */
static void a_c_extension_is_known_by_what_is_loaded(void **state)
{
    struct measurement *m = case_serial_waits(RUNTIME_CPYTHON, 20, 50 * MS, MS);

    (void)state;
    place_site(m, false, CAUSE_NETWORK, 900 * MS, false, STACK("query app.py:12"));
    build_module(m, "urllib3"); /* on another stack: it would have left a frame */
    assert_string_equal(async_twin_seen(m)->library, "socket");
    build_module(m, "libpq.so.5");
    assert_string_equal(async_twin_seen(m)->library, "libpq");
    measurement_free(m);
}

static void the_library_with_the_longest_waits_counts(void **state)
{
    struct measurement *m = case_serial_waits(RUNTIME_CPYTHON, 20, 50 * MS, MS);
    struct async_waits waits;

    (void)state;
    place_site(m, false, CAUSE_NETWORK, 400 * MS, false, STACK("get " SITE "redis/client.py:1", "a app.py:1"));
    place_site(m, false, CAUSE_NETWORK, 300 * MS, false, STACK("get " SITE "requests/api.py:1", "b app.py:2"));
    place_site(m, false, CAUSE_NETWORK, 300 * MS, false, STACK("get " SITE "requests/api.py:1", "c app.py:3"));
    waits = async_twin_waits(m);
    assert_string_equal(waits.twin->library, "requests");
    assert_int_equal(waits.time_ns, 600 * MS);
    assert_int_equal(waits.all_ns, 1000 * MS);
    assert_int_equal(waits.site->frames[1].line, 2);
    measurement_free(m);
}

static void every_row_says_what_to_do(void **state)
{
    (void)state;
    assert_true(twin_rows() > 100);
    for (size_t row = 0; row < twin_rows(); row++) {
        for (int runtime = 0; runtime < RUNTIME_COUNT; runtime++) {
            const struct async_twin *twin = twin_row(row, (enum runtime_kind)runtime);

            assert_true(twin->library && twin->library[0] && twin->without && twin->without[0]);
            assert_true(!twin->twin || (twin->twin[0] && !twin_is_asynchronous(row)));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(modules_are_known_by_their_last_component),
        cmocka_unit_test(the_stack_outweighs_what_is_loaded),
        cmocka_unit_test(no_twin_means_threads),
        cmocka_unit_test(the_program_s_own_call_counts_not_what_is_below_it),
        cmocka_unit_test(a_library_that_calls_the_program_is_not_what_is_waited_in),
        cmocka_unit_test(calls_of_the_standard_library_have_their_own_twin),
        cmocka_unit_test(an_event_loop_s_own_wait_is_no_blocking_call),
        cmocka_unit_test(shared_objects_are_known_in_every_language),
        cmocka_unit_test(a_c_extension_is_known_by_what_is_loaded),
        cmocka_unit_test(the_library_with_the_longest_waits_counts),
        cmocka_unit_test(every_row_says_what_to_do),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
