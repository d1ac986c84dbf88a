/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/base.h"
#include "probe/measurement.h"
#include "probe/symbols/mappings.h"
#include "probe/symbols/symbols.h"
#include "tests/probe/symbols/stopped.h"

/* Caught, ended, and only then unwound and named. */
static char *trace_of(const char *program, const char *how, const char *depth, size_t n_copy)
{
    CLEANUP(stopped_clear) struct stopped stopped;
    CLEANUP(symbols_freep) struct symbols *symbols = NULL;
    pid_t pid;

    stopped_start(&stopped, program, how, depth, strcmp(how, "spin") != 0);
    stopped_look(&stopped);
    pid = stopped.pid;
    stopped_kill(&stopped);
    assert_int_equal(symbols_new(stopped.mappings, pid, &symbols), 0);
    return stopped_trace(&stopped, symbols, n_copy);
}

static void expect_chain(const char *program, const char *how, const char *function)
{
    AUTO_FREE char *trace = trace_of(program, how, "0", SIZE_MAX);
    char blocked[64], choose[64];
    const char *const expected[] = {blocked,           choose,           "inner at: inner", "recurse at: bottom",
                                    "middle at: middle", "outer at: outer", "main at: main",   NULL};

    (void)snprintf(blocked, sizeof(blocked), "%s at: %s", function, how);
    (void)snprintf(choose, sizeof(choose), "choose at: choose %s", how);
    if (getenv("SHOW")) fprintf(stderr, "%s\n", trace);
    stopped_expect(trace, "deep.c", expected);
}

static void every_caller_has_function_and_line(void **state)
{
    static const char *const programs[] = {"deep_fp", "deep_nofp"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
        expect_chain(programs[i], "sleep", "block_in_sleep");
        expect_chain(programs[i], "read", "block_in_read");
        expect_chain(programs[i], "cond", "block_in_cond");
        expect_chain(programs[i], "spin", "spin");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_caller_has_function_and_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
