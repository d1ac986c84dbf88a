/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/base.h"
#include "probe/measurement.h"
#include "probe/symbols/mappings.h"
#include "probe/symbols/symbols.h"
#include "tests/probe/symbols/stopped.h"

void symbols_test_landmark(void);

enum { LANDMARK_LINE = __LINE__ + 2 };
__attribute__((noinline)) void symbols_test_landmark(void)
{
    __asm__ volatile("nop");
}

struct room {
    struct pin_table *pins;
    struct mappings *mappings;
    struct symbols *symbols;
};

static int set_up(void **state)
{
    struct room *room = calloc(1, sizeof(*room));

    room->pins = pin_table_new();
    room->mappings = mappings_new(room->pins);
    *state = room;
    return symbols_new(room->mappings, getpid(), &room->symbols);
}

static int tear_down(void **state)
{
    struct room *room = *state;

    symbols_free(room->symbols);
    mappings_free(room->mappings);
    pin_table_free(room->pins);
    free(room);
    return 0;
}

static void clear(struct frame *frame)
{
    free(frame->function);
    free(frame->file);
    free(frame->module);
    *frame = (struct frame){0};
}

/* The innermost function at an address, or "-"; kept until the next call. */
static const char *function_at(struct room *room, uint64_t address)
{
    static char name[1100];
    struct frame frame = {0};
    ssize_t n = symbols_resolve(room->symbols, address, &frame, 1);

    (void)snprintf(name, sizeof(name), "%s", n == 1 ? frame.function : "-");
    clear(&frame);
    return name;
}

static void an_address_of_ours_has_function_file_and_line(void **state)
{
    struct room *room = *state;
    struct frame frame = {0};

    assert_int_equal(mappings_read(room->mappings, getpid()), 0);
    for (int round = 0; round < 2; round++) { /* the second answer was kept */
        assert_int_equal(symbols_resolve(room->symbols, (uintptr_t)symbols_test_landmark, &frame, 1), 1);
        assert_string_equal(frame.function, "symbols_test_landmark");
        assert_non_null(frame.file);
        assert_string_equal(strrchr(frame.file, '/') + 1, "test_symbols.c");
        assert_in_range(frame.line, LANDMARK_LINE - 1, LANDMARK_LINE + 1);
        assert_non_null(strstr(frame.module, "test_symbols"));
        clear(&frame);
    }
}

static void a_library_function_is_named_after_its_library(void **state)
{
    struct room *room = *state;
    struct frame frame = {0};

    assert_int_equal(mappings_read(room->mappings, getpid()), 0);
    assert_int_equal(symbols_resolve(room->symbols, (uintptr_t)dlsym(RTLD_DEFAULT, "gnu_get_libc_version"), &frame, 1),
                     1);
    assert_non_null(strstr(frame.function, "gnu_get_libc_version"));
    assert_non_null(strstr(frame.module, "libc"));
    clear(&frame);
}

static void nowhere_is_told_and_leaves_the_result_alone(void **state)
{
    struct room *room = *state;
    struct frame frame = {.line = 77};

    assert_int_equal(symbols_resolve(room->symbols, (uintptr_t)symbols_test_landmark, &frame, 1), -ENOENT);
    assert_int_equal(mappings_read(room->mappings, getpid()), 0);
    assert_int_equal(symbols_resolve(room->symbols, 8, &frame, 1), -ENOENT);
    assert_int_equal(symbols_resolve(room->symbols, (uintptr_t)&frame, &frame, 1), -ENOENT);
    assert_int_equal(frame.line, 77);
    assert_null(frame.function);
}

/* Code without a file, and a file that says nothing: a frame all the same. */
static void what_has_no_name_is_a_question_mark(void **state)
{
    struct room *room = *state;
    char path[] = "/tmp/concadvise-test-XXXXXX";
    AUTO_CLOSE int fd = mkstemp(path);
    struct frame frame = {0};
    struct stat st;

    assert_int_equal(mappings_add(room->mappings, 0, 0x10000, 0x20000, 0, 0, 0, 0, NULL), 0);
    assert_int_equal(symbols_resolve(room->symbols, 0x10010, &frame, 1), 1);
    assert_string_equal(frame.function, "?");
    assert_null(frame.module);
    clear(&frame);
    assert_int_equal(write(fd,
                           "\x7f"
                           "ELF is what this is not",
                           24),
                     24);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(
        mappings_add(room->mappings, 0, 0x10000, 0x20000, 0, major(st.st_dev), minor(st.st_dev), st.st_ino, path), 0);
    assert_int_equal(symbols_resolve(room->symbols, 0x10010, &frame, 1), 1);
    assert_string_equal(frame.function, "?");
    assert_string_equal(frame.module, path);
    assert_null(frame.file);
    clear(&frame);
    assert_int_equal(unlink(path), 0);
}

static void functions_inlined_are_frames_as_many_as_fit(void **state)
{
    CLEANUP(stopped_clear) struct stopped stopped;
    CLEANUP(symbols_freep) struct symbols *symbols = NULL;
    struct frame frames[3] = {0}, one = {0};
    uint64_t pcs[16];
    size_t n;

    (void)state;
    stopped_start(&stopped, "deep_nofp", "sleep", "0", true);
    stopped_look(&stopped);
    assert_int_equal(symbols_new(stopped.mappings, stopped.pid, &symbols), 0);
    n = symbols_unwind(symbols, &stopped.registers, stopped.copy, stopped.n_copy, NULL, 0, pcs, ARRAY_SIZE(pcs));
    for (size_t i = 1; i < n; i++) {
        ssize_t n_frames = symbols_resolve(symbols, pcs[i] - 1, frames, ARRAY_SIZE(frames));
        bool found = n_frames == 2 && strcmp(frames[0].function, "choose") == 0;

        if (found) {
            assert_string_equal(frames[1].function, "inner");
            assert_int_equal(frames[0].line, stopped_line("deep.c", "choose sleep"));
            assert_int_equal(frames[1].line, stopped_line("deep.c", "inner"));
            assert_string_equal(strrchr(frames[1].file, '/'), "/deep.c");
            assert_int_equal(symbols_resolve(symbols, pcs[i] - 1, &one, 1), 1);
            assert_string_equal(one.function, "choose");
            clear(&one);
        }
        for (ssize_t k = 0; k < n_frames; k++)
            clear(&frames[k]);
        if (found)
            return;
    }
    fail_msg("choose() was not found");
}

/* dlclose() and dlopen(): another library where one has been. */
static void a_library_in_the_place_of_another_has_its_own_names(void **state)
{
    CLEANUP(stopped_clear) struct stopped stopped;
    CLEANUP(symbols_freep) struct symbols *symbols = NULL;
    struct room room = {0};
    const struct mapping *code;
    struct mapping old;
    char path[4096] = "";
    uint64_t pcs[64];
    struct stat st;
    size_t n;

    (void)state;
    stopped_start(&stopped, "deep_nofp", "read", "0", true);
    stopped_look(&stopped);
    assert_int_equal(symbols_new(stopped.mappings, stopped.pid, &symbols), 0);
    room.symbols = symbols;
    n = symbols_unwind(symbols, &stopped.registers, stopped.copy, stopped.n_copy, NULL, 0, pcs, ARRAY_SIZE(pcs));
    assert_in_range(n, 6, 64);
    code = mappings_find(stopped.mappings, pcs[2]);
    assert_string_equal(function_at(&room, pcs[2] - 1), "choose");
    old = *code;
    assert_int_equal(stat("/proc/self/exe", &st), 0);
    assert_true(readlink("/proc/self/exe", path, sizeof(path) - 1) > 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(mappings_add(stopped.mappings, 0, old.start, old.end, old.offset, major(st.st_dev),
                                      minor(st.st_dev), st.st_ino, path),
                         0);
        assert_string_not_equal(function_at(&room, pcs[2] - 1), "choose");
        assert_true(mappings_find(stopped.mappings, pcs[2])->file->fd >= 0);
        assert_int_equal(symbols_unwind(symbols, &stopped.registers, stopped.copy, stopped.n_copy, NULL, 0, pcs, 1), 1);
        assert_int_equal(mappings_read(stopped.mappings, stopped.pid), 0);
        assert_int_equal(
            symbols_unwind(symbols, &stopped.registers, stopped.copy, stopped.n_copy, NULL, 0, pcs, ARRAY_SIZE(pcs)),
            n);
        assert_string_equal(function_at(&room, pcs[2] - 1), "choose");
    }
}

/* What has been read of a file is kept with the file: it must outlive the process that was the first to need it. */
static void processes_share_files(void **state)
{
    CLEANUP(stopped_clear) struct stopped stopped;
    struct mappings *child;
    AUTO_FREE char *first = NULL;

    (void)state;
    stopped_start(&stopped, "deep_nofp", "cond", "0", true);
    stopped_look(&stopped);
    child = mappings_fork(stopped.mappings);
    for (int i = 0; i < 3; i++) {
        struct symbols *parents = NULL, *childs = NULL;
        AUTO_FREE char *trace = NULL;
        uint64_t pcs[64];

        assert_int_equal(symbols_new(stopped.mappings, 1, &parents), 0);
        assert_int_equal(symbols_new(child, 1, &childs), 0);
        assert_true(symbols_unwind(parents, &stopped.registers, stopped.copy, stopped.n_copy, NULL, 0, pcs, 64) > 6);
        assert_true(symbols_unwind(childs, &stopped.registers, stopped.copy, stopped.n_copy, NULL, 0, pcs, 64) > 6);
        symbols_free(i % 2 ? childs : parents);
        trace = stopped_trace(&stopped, i % 2 ? parents : childs, SIZE_MAX);
        symbols_free(i % 2 ? parents : childs);
        if (!first)
            first = strdup(trace);
        assert_string_equal(trace, first);
        assert_non_null(strstr(trace, "block_in_cond:"));
    }
    mappings_free(child);
}

static void generated_code_is_named_by_its_map(void **state)
{
    struct room *room = *state;
    char path[64];
    AUTO_FCLOSE FILE *map = NULL;
    int fd;

    assert_int_equal(mappings_add(room->mappings, getpid(), 0x10000, 0x20000, 0, 0, 0, 0, "//anon"), 0);
    assert_string_equal(function_at(room, 0x12345), "?");
    (void)snprintf(path, sizeof(path), "/tmp/perf-%d.map", (int)getpid());
    fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    map = fdopen(fd, "w");
    (void)fprintf(map, "12340 10 JavaScript:*handle server.js:7\n30000 10 unmapped\n");
    (void)fflush(map);
    assert_string_equal(function_at(room, 0x12345), "JavaScript:*handle server.js:7");
    assert_string_equal(function_at(room, 0x12350), "?");
    assert_string_equal(function_at(room, 0x30000), "unmapped"); /* there was no news of it */
    assert_string_equal(function_at(room, 0x30010), "-");
    assert_int_equal(unlink(path), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_address_of_ours_has_function_file_and_line, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_library_function_is_named_after_its_library, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nowhere_is_told_and_leaves_the_result_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_has_no_name_is_a_question_mark, set_up, tear_down),
        cmocka_unit_test(functions_inlined_are_frames_as_many_as_fit),
        cmocka_unit_test(a_library_in_the_place_of_another_has_its_own_names),
        cmocka_unit_test(processes_share_files),
        cmocka_unit_test_setup_teardown(generated_code_is_named_by_its_map, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
