/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "analyzer/advice.h"
#include "base/base.h"
#include "report/buffer.h"
#include "report/evidence_rows.h"
#include "report/verdict.h"
#include "report/wording.h"

static void headlines_name_change_model_and_workers(void **state)
{
    static const struct {
        struct recommendation r;
        const char *text;
    } cases[] = {
        {{.model = MODEL_PROCESSES, .change = CHANGE_SWITCH, .workers = 4}, "Use PROCESSES: 4 workers"},
        {{.model = MODEL_PROCESSES, .change = CHANGE_SWITCH, .workers = 4, .bound = BOUND_CPU_QUOTA},
         "Use PROCESSES: 4 workers (CPU quota)"},
        {{.model = MODEL_COROUTINES, .change = CHANGE_SWITCH, .workers = 30, .bound = BOUND_ITEMS},
         "Use COROUTINES: 30 at once (all items)"},
        {{.model = MODEL_THREADS, .change = CHANGE_SWITCH, .workers = 1}, "Use THREADS: 1 worker"},
        {{.model = MODEL_COROUTINES, .change = CHANGE_SWITCH, .workers = 200}, "Use COROUTINES: 200 at once"},
        {{.model = MODEL_PROCESSES_COROUTINES, .change = CHANGE_SWITCH, .workers = 4},
         "Use PROCESSES + COROUTINES: 4 processes"},
        {{.model = MODEL_SERIAL, .change = CHANGE_SWITCH, .workers = 1}, "Make it SERIAL"},
        {{.model = MODEL_SERIAL, .change = CHANGE_KEEP, .workers = 1}, "Keep it SERIAL"},
        {{.model = MODEL_THREADS, .change = CHANGE_KEEP, .workers = 0}, "Keep THREADS"},
        {{.model = MODEL_THREADS, .change = CHANGE_FIX, .workers = 8, .why_id = (char *)"lock_fix"},
         "Mend the lock, stay with THREADS: 8 workers"},
        {{.model = MODEL_THREADS, .change = CHANGE_FIX}, "Mend the first finding, stay with THREADS"},
        {{.model = MODEL_NONE, .change = CHANGE_KEEP, .workers = 4}, "No verdict"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        AUTO_BUFFER b = {0};

        verdict_headline(&b, &cases[i].r);
        assert_string_equal(buffer_text(&b), cases[i].text);
    }
}

static void expect_expectation(struct recommendation r, const char *text)
{
    AUTO_BUFFER b = {0};

    verdict_expectation(&b, &r);
    assert_string_equal(buffer_text(&b), text);
}

static void expectations_say_where_they_come_from(void **state)
{
    struct recommendation r = {.model = MODEL_PROCESSES,
                               .change = CHANGE_SWITCH,
                               .now_ns = 12400 * NSEC_PER_MSEC,
                               .expected_ns = 3640 * NSEC_PER_MSEC,
                               .expected_speedup = 3.4,
                               .interval = {3.2, 3.5},
                               .replayed = true};

    (void)state;
    expect_expectation(r, "12.4 s -> 3.64 s expected (3.4x, 95 % CI 3.2-3.5x), replayed here.");
    r.replayed = false;
    r.interval[0] = r.interval[1] = 3.4;
    expect_expectation(r, "12.4 s -> 3.64 s expected (3.4x), a forecast, not replayed.");
    r.expected_ns = 0;
    expect_expectation(r, "");
}

static void a_tie_is_broken_for_a_reason(void **state)
{
    static const struct {
        enum model now, tied, model;
        enum change change;
        const char *text;
    } cases[] = {
        {MODEL_SERIAL, MODEL_PROCESSES, MODEL_THREADS, CHANGE_SWITCH, "; the simpler one is recommended"},
        {MODEL_SERIAL, MODEL_THREADS, MODEL_PROCESSES, CHANGE_SWITCH, "; the reasons under PATH decide"},
        {MODEL_SERIAL, MODEL_THREADS, MODEL_COROUTINES, CHANGE_SWITCH,
         "; event loops take less memory and fewer context switches than as many workers"},
        {MODEL_COROUTINES, MODEL_THREADS, MODEL_PROCESSES_COROUTINES, CHANGE_SWITCH,
         "; the event loop is there already"},
        {MODEL_THREADS, MODEL_SERIAL, MODEL_THREADS, CHANGE_KEEP, "; that is no reason to change"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct advice a = {.current_model = cases[i].now,
                           .recommendation = {.model = cases[i].model, .change = cases[i].change},
                           .evidence = {.ties = {cases[i].tied}, .n_ties = 1}};

        assert_string_equal(evidence_rows_tie_breaker(&a), cases[i].text);
    }
}

/* Of a program that runs on nobody knows how long it takes. */
static void a_stretch_promises_a_rate(void **state)
{
    struct recommendation r = {.model = MODEL_PROCESSES,
                               .change = CHANGE_SWITCH,
                               .now_ns = 10 * NSEC_PER_SEC,
                               .stretch = true,
                               .expected_ns = 4 * NSEC_PER_SEC,
                               .expected_speedup = 2.5,
                               .interval = {2.4, 2.6},
                               .replayed = true};

    (void)state;
    expect_expectation(r, "2.5x the work per second expected (95 % CI 2.4-2.6x): what took 10.0 s here in 4.00 s, "
                          "replayed here.");
    r.change = CHANGE_KEEP;
    r.expected_speedup = 1.0;
    expect_expectation(r, "No other model is expected to make a difference worth the change.");
}

static void keeping_promises_nothing(void **state)
{
    static const char nothing[] = "10.0 s now; no other model is expected to make a difference worth the change.";
    struct recommendation r = {.model = MODEL_THREADS,
                               .change = CHANGE_KEEP,
                               .now_ns = 10 * NSEC_PER_SEC,
                               .expected_ns = 10 * NSEC_PER_SEC,
                               .expected_speedup = 1.049};

    (void)state;
    expect_expectation(r, nothing);
    r.expected_speedup = 1.05;
    r.expected_ns = 9524 * NSEC_PER_MSEC;
    expect_expectation(r, "10.0 s -> 9.52 s expected (1.1x), a forecast, not replayed.");
    r.model = MODEL_NONE;
    expect_expectation(r, "");
}

static void no_verdict_says_how_to_get_one(void **state)
{
    struct recommendation r = {.model = MODEL_NONE, .why_id = (char *)"idle"};
    AUTO_BUFFER none = {0}, some = {0}, unknown = {0};

    (void)state;
    verdict_reason(&none, &r);
    assert_non_null(strstr(buffer_text(&none), wording_leaf("idle")->why));
    assert_non_null(strstr(buffer_text(&none), wording_leaf("idle")->how));
    r = (struct recommendation){.model = MODEL_PROCESSES, .why_id = (char *)"gil_processes"};
    verdict_reason(&some, &r);
    assert_string_equal(buffer_text(&some), wording_leaf("gil_processes")->why);
    r.why_id = (char *)"of a tree of one's own";
    verdict_reason(&unknown, &r);
    assert_string_equal(buffer_text(&unknown), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headlines_name_change_model_and_workers),
        cmocka_unit_test(expectations_say_where_they_come_from),
        cmocka_unit_test(a_tie_is_broken_for_a_reason),
        cmocka_unit_test(a_stretch_promises_a_rate),
        cmocka_unit_test(keeping_promises_nothing),
        cmocka_unit_test(no_verdict_says_how_to_get_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
