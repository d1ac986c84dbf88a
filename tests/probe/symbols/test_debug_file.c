/* SPDX-License-Identifier: BSD-2-Clause */
/* A stripped program, and its debug information elsewhere: by name, by build-id, of another program, on the network. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/base.h"
#include "probe/measurement.h"
#include "probe/symbols/mappings.h"
#include "probe/symbols/symbols.h"
#include "tests/probe/symbols/stopped.h"

static const char *const named[] = {
    "block_in_read at: read", "choose at: choose read", "inner at: inner", "recurse at: bottom",
    "middle at: middle",      "outer at: outer",        "main at: main",   NULL};

struct room {
    char directory[64];
};

/* Run a shell command in the room's directory. */
static void run(const struct room *room, const char *format, ...) PRINTF_LIKE(2, 3);
static void run(const struct room *room, const char *format, ...)
{
    AUTO_FREE char *command = NULL, *whole = NULL;
    va_list arguments;

    va_start(arguments, format);
    assert_true(vasprintf(&command, format, arguments) > 0);
    va_end(arguments);
    assert_true(asprintf(&whole, "cd %s && { %s; }", room->directory, command) > 0);
    assert_int_equal(system(whole), 0);
}

/* A directory with `prog`, stripped, which refers to `prog.debug`, which is there as well. */
static int set_up(void **state)
{
    struct room *room = calloc(1, sizeof(*room));

    strcpy(room->directory, "/tmp/concadvise-test-XXXXXX");
    assert_non_null(mkdtemp(room->directory));
    run(room,
        "cp %s/deep_nofp prog && objcopy --only-keep-debug prog prog.debug && strip --strip-all prog && "
        "objcopy --add-gnu-debuglink=prog.debug prog",
        TARGETS);
    *state = room;
    return 0;
}

static int tear_down(void **state)
{
    struct room *room = *state;

    run(room, "cd / && rm -r %s", room->directory);
    free(room);
    return 0;
}

static char *trace_of(const struct room *room)
{
    CLEANUP(stopped_clear) struct stopped stopped;
    CLEANUP(symbols_freep) struct symbols *symbols = NULL;
    AUTO_FREE char *path = NULL;

    assert_true(asprintf(&path, "%s/prog", room->directory) > 0);
    stopped_start(&stopped, path, "read", "0", true);
    stopped_look(&stopped);
    stopped_kill(&stopped);
    assert_int_equal(symbols_new(stopped.mappings, 1, &symbols), 0);
    return stopped_trace(&stopped, symbols, SIZE_MAX);
}

static void expect_named(const struct room *room)
{
    AUTO_FREE char *trace = trace_of(room);

    stopped_expect(trace, "deep.c", named);
}

/* Its frames are still found: CFI is never stripped. */
static void expect_unnamed(const struct room *room)
{
    static const char *const unnamed[] = {"?", "?", "?", "?", "?", "?", NULL};
    AUTO_FREE char *trace = trace_of(room);

    assert_null(strstr(trace, "inner"));
    assert_null(strstr(trace, "block_in_read"));
    stopped_expect(trace, "deep.c", unnamed);
}

static void next_to_the_file(void **state)
{
    expect_named(*state);
}

static void below_debug_next_to_the_file(void **state)
{
    run(*state, "mkdir .debug && mv prog.debug .debug/");
    expect_named(*state);
}

/* What another user owns is copied before it is used. */
static void of_another_owner(void **state)
{
    if (geteuid() != 0)
        skip();
    run(*state, "chown 12345 prog.debug");
    expect_named(*state);
}

static void nowhere(void **state)
{
    run(*state, "rm prog.debug");
    expect_unnamed(*state);
}

static void of_another_program(void **state)
{
    run(*state, "objcopy --only-keep-debug %s/deep_fp prog.debug", TARGETS);
    expect_unnamed(*state);
}

/* The checksum is wrong, and the build-id is right: it has been packed since. */
static void changed_but_of_the_same_build(void **state)
{
    run(*state, "objcopy --compress-debug-sections prog.debug && echo >>prog.debug");
    expect_named(*state);
}

/* Neither a fifo, nor a directory, nor half a file. */
static void not_a_debug_file(void **state)
{
    run(*state, "mv prog.debug whole && mkfifo prog.debug");
    expect_unnamed(*state);
    run(*state, "rm prog.debug && mkdir prog.debug");
    expect_unnamed(*state);
    for (int size = 0; size < 8000; size += 500) {
        run(*state, "rm -rf prog.debug && head -c %d whole >prog.debug", size);
        expect_unnamed(*state);
    }
}

/* Fedora's way: the symbol table alone, packed, in a section of the file (GDB manual, "MiniDebugInfo"). */
static void packed_symbols_in_the_file(void **state)
{
    static const char *const functions[] = {"block_in_read", "inner", "recurse", "middle", "outer", "main", NULL};
    AUTO_FREE char *trace = NULL;

    run(*state, "objcopy --strip-debug prog.debug mini && rm prog.debug && xz mini && "
                "objcopy --add-section .gnu_debugdata=mini.xz prog");
    trace = trace_of(*state);
    stopped_expect(trace, "deep.c", functions);
}

/* Give this process a /usr/lib/debug of its own. @return false: not allowed to */
static bool mount_debug_directory(void)
{
    if (geteuid() != 0 || unshare(CLONE_NEWNS) < 0)
        return false;
    (void)mkdir("/usr/lib/debug", 0755);
    return mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("none", "/usr/lib/debug", "tmpfs", 0, "mode=755") == 0;
}

static void by_build_id_and_below_the_system_directory(void **state)
{
    struct room *room = *state;

    if (!mount_debug_directory())
        skip();
    run(room, "strip --remove-section=.gnu_debuglink prog && "
              "id=$(readelf -n prog | sed -n 's/.*Build ID: *//p') && [ ${#id} -eq 40 ] && "
              "to=/usr/lib/debug/.build-id/$(echo $id | cut -c-2) && mkdir -p $to && "
              "mv prog.debug $to/$(echo $id | cut -c3-).debug");
    expect_named(room);
    run(room, "rm -r /usr/lib/debug/.build-id");
    expect_unnamed(room);
    run(room,
        "objcopy --only-keep-debug %s/deep_nofp prog.debug && objcopy --add-gnu-debuglink=prog.debug prog && "
        "mkdir -p /usr/lib/debug$PWD && mv prog.debug /usr/lib/debug$PWD/",
        TARGETS);
    expect_named(room);
    assert_int_equal(umount("/usr/lib/debug"), 0);
}

/* libdw asks the servers in DEBUGINFOD_URLS if one lets it: main() has set that to a socket of ours. */
static void no_server_is_asked(void **state)
{
    int listener = atoi(getenv("CONCADVISE_TEST_LISTENER"));

    run(*state, "rm prog.debug");
    (void)alarm(60); /* it would wait for our answer */
    expect_unnamed(*state);
    (void)alarm(0);
    assert_int_equal(accept4(listener, NULL, NULL, SOCK_CLOEXEC), -1);
    assert_int_equal(errno, EAGAIN);
}

/* libdw reads DEBUGINFOD_URLS as it is loaded. */
static int start_again_with_a_server(void)
{
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    char url[64], number[16];

    if (listener < 0 || bind(listener, (struct sockaddr *)&address, length) < 0 || listen(listener, 8) < 0 ||
        getsockname(listener, (struct sockaddr *)&address, &length) < 0)
        return 1;
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u", ntohs(address.sin_port));
    (void)snprintf(number, sizeof(number), "%d", listener);
    (void)setenv("DEBUGINFOD_URLS", url, 1);
    (void)setenv("DEBUGINFOD_TIMEOUT", "2", 1);
    (void)setenv("DEBUGINFOD_CACHE_PATH", "/nonexistent", 1);
    (void)setenv("CONCADVISE_TEST_LISTENER", number, 1);
    execl("/proc/self/exe", "test_debug_file", NULL);
    return 1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(next_to_the_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(below_debug_next_to_the_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(of_another_owner, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nowhere, set_up, tear_down),
        cmocka_unit_test_setup_teardown(of_another_program, set_up, tear_down),
        cmocka_unit_test_setup_teardown(changed_but_of_the_same_build, set_up, tear_down),
        cmocka_unit_test_setup_teardown(not_a_debug_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(packed_symbols_in_the_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_server_is_asked, set_up, tear_down),
        cmocka_unit_test_setup_teardown(by_build_id_and_below_the_system_directory, set_up, tear_down),
    };

    if (!getenv("CONCADVISE_TEST_LISTENER"))
        return start_again_with_a_server();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
