/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "analyzer/async_twins.h"
#include "cases.h"

static void modules_are_known_by_their_last_component(void **state)
{
    (void)state;
    assert_string_equal(async_twin_of("requests")->library, "requests");
    assert_string_equal(async_twin_of("requests.sessions")->library, "requests");
    assert_string_equal(async_twin_of("/usr/lib/x86_64-linux-gnu/libpq.so.5")->library, "libpq");
    assert_string_equal(async_twin_of("psycopg2._psycopg")->library, "psycopg2");
    assert_null(async_twin_of("pyodbc")->twin);
    assert_null(async_twin_of("requestsomething"));
    assert_null(async_twin_of("libc.so.6"));
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(modules_are_known_by_their_last_component),
        cmocka_unit_test(the_stack_outweighs_what_is_loaded),
        cmocka_unit_test(no_twin_means_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
