/* SPDX-License-Identifier: BSD-2-Clause */

/* The table of --live, from plain data. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/base.h"
#include "probe/live_view.h"
#include "report/escape.h"
#include "report/report.h"

static struct frame parse[] = {{.function = (char *)"parse", .file = (char *)"/home/me/crawl.py", .line = 88}};

static struct live_view view_of_six(void)
{
    struct live_view view = {
        .elapsed_ns = 2500 * NSEC_PER_MSEC,
        .interval_ns = 500 * NSEC_PER_MSEC,
        .threads = 6,
        .processes = 1,
        .runtime = RUNTIME_CPYTHON,
    };

    view.states[0] = (struct live_state){LIVE_ON_CPU, 0, 1, 2400 * NSEC_PER_MSEC, 490 * NSEC_PER_MSEC, parse, 1};
    view.states[1] = (struct live_state){LIVE_RUNNABLE, 0, 0, 300 * NSEC_PER_MSEC, 10 * NSEC_PER_MSEC, NULL, 0};
    for (int cause = 0; cause < CAUSE_COUNT; cause++)
        view.states[2 + cause] = (struct live_state){.kind = LIVE_BLOCKED, .cause = (enum cause)cause};
    view.states[2 + CAUSE_INTERPRETER_LOCK].threads = 5;
    view.states[2 + CAUSE_INTERPRETER_LOCK].time_ns = 12300 * NSEC_PER_MSEC;
    view.states[2 + CAUSE_INTERPRETER_LOCK].recent_ns = 2500 * NSEC_PER_MSEC;
    view.states[LIVE_STATES - 1].kind = LIVE_UNATTRIBUTED;
    return view;
}

/* @return the table, to be freed */
static char *drawn(const struct live_view *view, const char *which, unsigned width, bool color, bool utf8)
{
    struct report_options how = {.width = width, .color = color, .utf8 = utf8};
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    assert_non_null(out);
    assert_int_equal(report_live(out, view, which, &how), 0);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void expect(const struct live_view *view, const char *which, unsigned width, const char *expected)
{
    AUTO_FREE char *text = drawn(view, which, width, false, true);

    assert_string_equal(text, expected);
}

static void the_largest_part_of_the_interval_comes_first(void **state)
{
    struct live_view view = view_of_six();

    (void)state;
    expect(&view, "", 80,
           "concadvise: 2.50 s | 6 threads | 0.98 cores busy\n"
           " THREADS  STATE            LAST        TOTAL  WHERE\n"
           "       5  GIL wait         83 %       12.3 s\n"
           "       1  on-CPU           16 %       2.40 s  parse crawl.py:88\n"
           "       0  run queue        <1 %       300 ms\n");
}

static void the_run_and_several_processes_are_said(void **state)
{
    struct live_view view = view_of_six();
    AUTO_FREE char *text = NULL;

    (void)state;
    view.processes = 3;
    text = drawn(&view, "run 2/5 | ", 80, false, true);
    assert_int_equal(strncmp(text, "concadvise: run 2/5 | 2.50 s | 6 threads in 3 processes | 0.98 cores busy\n", 74),
                     0);
}

/* What is over and was less than a hundredth of all goes unsaid; what anybody is in now never does. */
static void little_that_is_over_is_left_out(void **state)
{
    struct live_view view = view_of_six();
    AUTO_FREE char *without = NULL, *with = NULL;

    (void)state;
    view.states[2 + CAUSE_DISK].time_ns = NSEC_PER_MSEC;
    without = drawn(&view, "", 80, false, true);
    assert_null(strstr(without, "disk"));
    view.states[2 + CAUSE_DISK].threads = 1;
    with = drawn(&view, "", 80, false, true);
    assert_non_null(strstr(with, "       1  disk "));
}

static void narrow_terminals_get_no_totals_and_no_places(void **state)
{
    struct live_view view = view_of_six();

    (void)state;
    expect(&view, "", 20,
           "concadvise: 2.50 ...\n"
           "   5 GIL wait   83 %\n"
           "   1 on-CPU     16 %\n"
           "   0 run queue  <1 %\n");
}

static void long_times_keep_their_distance(void **state)
{
    struct live_view view = view_of_six();
    AUTO_FREE char *text = NULL;

    (void)state;
    view.states[0].time_ns = 3599 * NSEC_PER_SEC;
    text = drawn(&view, "", 80, false, true);
    assert_non_null(strstr(text, "16 %  59 min 59 s  parse crawl.py:88\n"));
}

/* No line is wider than asked for, whatever that is and whatever the names are. */
static void every_line_fits(void **state)
{
    static char wide[] = "\xe6\x95\xb0\xe6\x95\xb0\xe6\x95\xb0\xe6\x95\xb0\xe6\x95\xb0\xe6\x95\xb0\xe6\x95\xb0";
    struct frame frame = {.function = wide, .file = (char *)"a_rather_long_file_name_of_somebody.py", .line = 123456};
    struct live_view view = view_of_six();

    (void)state;
    view.states[2 + CAUSE_INTERPRETER_LOCK].frames = &frame;
    view.states[2 + CAUSE_INTERPRETER_LOCK].n_frames = 1;
    for (unsigned width = 12; width < 130; width++) {
        AUTO_FREE char *text = drawn(&view, "run 100/100 | ", width, false, true);
        char *rest = text, *line;

        while ((line = strsep(&rest, "\n")))
            if (escape_columns(line) > width)
                fail_msg("at width %u: \"%s\"", width, line);
    }
}

/* The line of the code says more than the function's name where both are too long. */
static void a_long_function_gives_way_to_its_line(void **state)
{
    struct frame frame = {.function = (char *)"a_function_with_quite_a_name", .file = (char *)"crawl.py", .line = 7};
    struct live_view view = view_of_six();
    AUTO_FREE char *text = NULL;

    (void)state;
    view.states[0].frames = &frame;
    text = drawn(&view, "", 63, false, true);
    assert_non_null(strstr(text, "2.40 s  crawl.py:7\n"));
}

static void names_are_escaped(void **state)
{
    struct frame frame = {.function = (char *)"f\033[2J\r\n", .file = (char *)"x\x9b\xe2\x80\xae.py", .line = 1};
    struct live_view view = view_of_six();
    AUTO_FREE char *text = NULL;

    (void)state;
    view.states[0].frames = &frame;
    text = drawn(&view, "", 120, false, true);
    assert_null(strchr(text, '\033'));
    assert_null(strchr(text, '\r'));
    assert_null(strstr(text, "\xe2\x80\xae"));
    assert_non_null(strstr(text, "f\\x1b[2J\\x0d\\x0a x\\x9b\\u{202e}.py:1\n"));
}

static void colours_only_where_they_are_wanted(void **state)
{
    struct live_view view = view_of_six();
    AUTO_FREE char *plain = drawn(&view, "", 80, false, true), *coloured = drawn(&view, "", 80, true, true);

    (void)state;
    assert_null(strchr(plain, '\033'));
    assert_non_null(strstr(coloured, "\033[1;32mon-CPU\033[0m"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_largest_part_of_the_interval_comes_first),
        cmocka_unit_test(the_run_and_several_processes_are_said),
        cmocka_unit_test(little_that_is_over_is_left_out),
        cmocka_unit_test(narrow_terminals_get_no_totals_and_no_places),
        cmocka_unit_test(long_times_keep_their_distance),
        cmocka_unit_test(every_line_fits),
        cmocka_unit_test(a_long_function_gives_way_to_its_line),
        cmocka_unit_test(names_are_escaped),
        cmocka_unit_test(colours_only_where_they_are_wanted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
