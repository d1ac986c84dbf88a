/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dlfcn.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/base.h"
#include "probe/measurement.h"
#include "probe/symbols/symbols.h"

void symbols_test_landmark(void);

enum { LANDMARK_LINE = __LINE__ + 2 };
__attribute__((noinline)) void symbols_test_landmark(void)
{
    __asm__ volatile("nop");
}

static void clear(struct frame *frame)
{
    free(frame->function);
    free(frame->file);
    free(frame->module);
    *frame = (struct frame){0};
}

static pid_t start_child(void)
{
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;)
            pause();
    }
    return child;
}

static void end(pid_t child)
{
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
}

static void an_address_of_ours_has_function_file_and_line(void **state)
{
    CLEANUP(symbols_freep) struct symbols *symbols = NULL;
    struct frame frame = {0};
    pid_t child = start_child();

    (void)state;
    assert_int_equal(symbols_new(child, &symbols), 0);
    assert_int_equal(symbols_resolve(symbols, (uintptr_t)symbols_test_landmark, &frame), 0);
    assert_string_equal(frame.function, "symbols_test_landmark");
    assert_non_null(frame.file);
    assert_string_equal(strrchr(frame.file, '/') + 1, "test_symbols.c");
    assert_in_range(frame.line, LANDMARK_LINE - 1, LANDMARK_LINE + 1);
    assert_non_null(strstr(frame.module, "test_symbols"));
    end(child);
    clear(&frame);
    /* Still known after its end. */
    assert_int_equal(symbols_resolve(symbols, (uintptr_t)symbols_test_landmark + 1, &frame), 0);
    assert_string_equal(frame.function, "symbols_test_landmark");
    clear(&frame);
}

static void a_library_function_is_named_after_its_library(void **state)
{
    CLEANUP(symbols_freep) struct symbols *symbols = NULL;
    struct frame frame = {0};
    pid_t child = start_child();

    (void)state;
    assert_int_equal(symbols_new(child, &symbols), 0);
    assert_int_equal(symbols_resolve(symbols, (uintptr_t)dlsym(RTLD_DEFAULT, "gnu_get_libc_version"), &frame), 0);
    assert_non_null(strstr(frame.function, "gnu_get_libc_version"));
    assert_non_null(strstr(frame.module, "libc"));
    clear(&frame);
    end(child);
}

static void nowhere_is_told_and_leaves_the_result_alone(void **state)
{
    CLEANUP(symbols_freep) struct symbols *symbols = NULL;
    struct frame frame = {.line = 77};
    void *anonymous = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    pid_t child = start_child();

    (void)state;
    assert_int_equal(symbols_new(child, &symbols), 0);
    for (int i = 0; i < 40; i++)
        assert_int_equal(symbols_resolve(symbols, 8, &frame), -ENOENT);
    assert_int_equal(symbols_resolve(symbols, (uintptr_t)anonymous, &frame), -ENOENT);
    assert_int_equal(frame.line, 77);
    end(child);
    symbols_free(TAKE_PTR(symbols));
    assert_int_equal(symbols_new(child, &symbols), -ESRCH);
    assert_null(symbols);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_of_ours_has_function_file_and_line),
        cmocka_unit_test(a_library_function_is_named_after_its_library),
        cmocka_unit_test(nowhere_is_told_and_leaves_the_result_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
