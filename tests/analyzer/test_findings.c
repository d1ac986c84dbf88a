/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "analyzer/findings/detect.h"
#include "analyzer/findings/findings.h"
#include "cases.h"
#include "flaws.h"

static bool found(struct measurement *m, int id)
{
    struct advice *a = build_advice(m);
    const struct finding *finding = build_finding(a, id);
    bool is_there = finding != NULL;

    if (finding) {
        assert_true(finding->detail[0] != '\0');
        assert_true(finding->share >= 0.0 && finding->share <= 1.0);
    }
    advice_free(a);
    measurement_free(m);
    return is_there;
}

static void every_finding_has_its_flaw_and_its_near_miss(void **state)
{
    const int *ids;
    size_t n = finding_ids(&ids);

    (void)state;
    assert_int_equal(n, n_flaw_cases);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(flaw_cases[i].id, ids[i]);
        if (!found(flaw_cases[i].has_it(), ids[i]))
            fail_msg("CA%d not found", ids[i]);
        if (found(flaw_cases[i].near_miss(), ids[i]))
            fail_msg("CA%d found in the near miss", ids[i]);
    }
}

static void neighbours_that_crowd_the_machine_are_not_the_programs_fault(void **state)
{
    (void)state;
    assert_true(found(case_busy_threads(RUNTIME_NATIVE, 4, 8, 325 * MS, 675 * MS), 1203));
    assert_false(found(case_busy_threads(RUNTIME_NATIVE, 4, 8, 275 * MS, 725 * MS), 1203));
    /* Two lanes that could have used a CPU each, had there been any. */
    assert_true(found(case_busy_threads(RUNTIME_NATIVE, 4, 1, 200 * MS, 800 * MS), 1001));
    assert_false(found(case_busy_threads(RUNTIME_NATIVE, 4, 2, 100 * MS, 900 * MS), 1001));
}

/* A loop that never rests is seen to wait now and then only; its answers tell how short its callbacks are. */
static void many_short_callbacks_are_no_long_one(void **state)
{
    struct measurement *m = flaw_make(3102);

    (void)state;
    m->processes[0].writes = 10;
    assert_true(found(m, 3102));
    m = flaw_make(3102);
    m->processes[0].writes = m->loops[0].busy_cpu_ns / (100 * US);
    assert_false(found(m, 3102));
}

/* Workers that wait in turn, by the share of the second one's waits; born when the first has ended, or beside it. */
static struct measurement *waiters(size_t waits_of_second, bool one_after_another)
{
    struct measurement *m = build_new(RUNTIME_CPYTHON, 4);

    build_repeat(m, build_lane(m, 100, 100, 0), 1, 2 * MS, 0, CAUSE_OTHER, 0);
    build_repeat(m, build_lane(m, 100, 101, 2 * MS), 40, MS, 0, CAUSE_NETWORK, 20 * MS);
    build_repeat(m, build_lane(m, 100, 102, one_after_another ? 900 * MS : 3 * MS), waits_of_second, MS, 0,
                 CAUSE_NETWORK, 20 * MS);
    build_finish(m, 1.2);
    return m;
}

static void waits_of_workers_in_turn_are_not_one_after_the_other(void **state)
{
    (void)state;
    assert_false(found(waiters(12, false), 3001));
    assert_true(found(waiters(8, false), 3001));
    assert_true(found(waiters(12, true), 3001));
}

/* 20 files are read at the start, 100 ms; what comes after that is not waited for. */
static struct measurement *reads_and_idles(uint64_t idle_ns)
{
    struct measurement *m = build_new(RUNTIME_CPYTHON, 4);
    size_t lane = build_lane(m, 100, 100, 0);

    build_repeat(m, lane, 20, MS, 0, CAUSE_DISK, 5 * MS);
    build_repeat(m, lane, 1, MS, 0, CAUSE_IDLE, idle_ns);
    build_finish(m, 1.0);
    return m;
}

static void a_start_is_not_to_be_overlapped(void **state)
{
    (void)state;
    assert_true(found(reads_and_idles(300 * MS), 3001));
    assert_false(found(reads_and_idles(3000 * MS), 3001));
}

static void traffic_shows_in_samples_where_nobody_waits(void **state)
{
    (void)state;
    assert_true(found(flaw_traffic(360 * MS), 4101));
    assert_false(found(flaw_traffic(340 * MS), 4101));
}

static void a_run_that_was_over_at_once_says_nothing_else(void **state)
{
    struct measurement *brief = case_gil_threads(4, 5 * MS, 15 * MS), *whole = case_gil_threads(4, 500 * MS, 1500 * MS);
    struct advice *a = build_advice(brief);

    (void)state;
    assert_true(brief->wall_ns < 100 * MS);
    assert_non_null(build_finding(a, 9001));
    for (size_t i = 0; i < a->n_findings; i++)
        assert_true(a->findings[i].id >= 9000);
    advice_free(a);
    measurement_free(brief);
    assert_true(found(whole, 2001));
}

static void ids_and_slugs(void **state)
{
    (void)state;
    assert_string_equal(finding_slug(2001), "interpreter-lock-convoy");
    assert_null(finding_slug(2002));
    assert_int_equal(finding_from_str("CA2001"), 2001);
    assert_int_equal(finding_from_str("ca2001"), 2001);
    assert_int_equal(finding_from_str("2001"), 2001);
    assert_int_equal(finding_from_str("interpreter-lock-convoy"), 2001);
    assert_int_equal(finding_from_str("CA2002"), -1);
    assert_int_equal(finding_from_str("CA"), -1);
    assert_int_equal(finding_from_str(""), -1);
}

static void sites_are_copied_and_chosen_by_cause(void **state)
{
    struct measurement *m = flaw_make(3101);
    struct advice *a = build_advice(m);
    const struct finding *finding = build_finding(a, 3101);

    (void)state;
    measurement_free(m);
    assert_int_equal(finding->n_sites, 1);
    assert_string_equal(finding->sites[0].frames[0].function, "sleep");
    assert_int_equal(finding->sites[0].frames[0].line, 7);
    advice_free(a);
}

static void ranked_by_severity_then_time_and_ignored_on_request(void **state)
{
    struct measurement *m = flaw_make(3201);
    static const int ignored[] = {3201};
    const struct analyze_options options = {.ignored = ignored, .n_ignored = 1};
    struct advice *a = build_advice(m), *without = NULL;

    (void)state;
    assert_true(a->n_findings >= 2);
    for (size_t i = 1; i < a->n_findings; i++) {
        assert_true(a->findings[i - 1].severity >= a->findings[i].severity);
        if (a->findings[i - 1].severity == a->findings[i].severity)
            assert_true(a->findings[i - 1].time_ns >= a->findings[i].time_ns);
    }
    assert_non_null(build_finding(a, 3201));
    assert_int_equal(analyze(m, &options, &without), 0);
    assert_null(build_finding(without, 3201));
    assert_int_equal(without->n_findings, a->n_findings - 1);
    advice_free(a);
    advice_free(without);
    measurement_free(m);
}

/* The more specific one stays, and who asks not to see it does not see the other in its place. */
static void the_same_flaw_is_reported_once(void **state)
{
    struct measurement *m = flaw_make(2201);
    static const int ignored[] = {2201};
    const struct analyze_options options = {.ignored = ignored, .n_ignored = 1};
    struct advice *a = build_advice(m), *without = NULL;

    (void)state;
    assert_non_null(build_finding(a, 2201));
    assert_null(build_finding(a, 2101));
    assert_int_equal(analyze(m, &options, &without), 0);
    assert_null(build_finding(without, 2201));
    assert_null(build_finding(without, 2101));
    advice_free(a);
    advice_free(without);
    measurement_free(m);
}

/* Eight requests each: one at a time they take 8 x 4 times the wait of one thread's share. */
static void the_gain_of_splitting_a_lock_is_bounded_by_the_work(void **state)
{
    struct measurement *m = flaw_make(2201);
    struct advice *a = build_advice(m);
    const struct finding *finding = build_finding(a, 2201);

    (void)state;
    /* A lane: 3000 ms lock, 1000 ms network, 200 ms CPU -> 1200 of 4200 remain. */
    assert_true(finding->gain > 3.4 && finding->gain < 3.6);
    advice_free(a);
    measurement_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_finding_has_its_flaw_and_its_near_miss),
        cmocka_unit_test(neighbours_that_crowd_the_machine_are_not_the_programs_fault),
        cmocka_unit_test(many_short_callbacks_are_no_long_one),
        cmocka_unit_test(waits_of_workers_in_turn_are_not_one_after_the_other),
        cmocka_unit_test(a_start_is_not_to_be_overlapped),
        cmocka_unit_test(traffic_shows_in_samples_where_nobody_waits),
        cmocka_unit_test(a_run_that_was_over_at_once_says_nothing_else),
        cmocka_unit_test(ids_and_slugs),
        cmocka_unit_test(sites_are_copied_and_chosen_by_cause),
        cmocka_unit_test(ranked_by_severity_then_time_and_ignored_on_request),
        cmocka_unit_test(the_same_flaw_is_reported_once),
        cmocka_unit_test(the_gain_of_splitting_a_lock_is_bounded_by_the_work),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
