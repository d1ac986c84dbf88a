/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include "analyzer/evidence.h"
#include "analyzer/forecast.h"
#include "analyzer/profile/profile.h"
#include "cases.h"
#include "executors.h"
#include "synthetic.h"

static struct advice *evidence_on(const struct measurement *m, enum model current, uint32_t workers, uint32_t cpus)
{
    struct advice *a = advice_new();
    struct forecast f;

    assert_int_equal(forecast_init(m, current, workers, cpus, &f), 0);
    assert_int_equal(evidence_fill(m, &f, current, workers, &a->evidence), 0);
    forecast_clear(&f);
    return a;
}

static struct advice *evidence_of(const struct measurement *m, enum model current, uint32_t workers)
{
    return evidence_on(m, current, workers, 0);
}

static void without_replays_the_forecast_speaks(void **state)
{
    struct measurement *m = case_serial_waits(RUNTIME_CPYTHON, 40, 50 * MS, MS);
    struct advice *a = evidence_of(m, MODEL_SERIAL, 1);
    const struct evidence *e = &a->evidence;

    (void)state;
    assert_int_equal(e->runs, 0);
    assert_true(e->fidelity == 0.0);
    assert_int_equal(e->models[MODEL_SERIAL].source, SOURCE_MEASURED);
    assert_true(e->models[MODEL_SERIAL].current);
    assert_int_equal(e->models[MODEL_SERIAL].median_ns, m->wall_ns);
    assert_int_equal(e->models[MODEL_THREADS].source, SOURCE_FORECAST);
    assert_true(e->models[MODEL_THREADS].speedup > 4.0);
    assert_true(e->models[MODEL_COROUTINES].speedup > 4.0);
    assert_true(e->models[MODEL_COROUTINES].in_flight > 4);
    assert_true(e->models[MODEL_THREADS].n_scaling >= 3);
    assert_true(e->models[MODEL_THREADS].n_assumptions > 0);
    advice_free(a);
    measurement_free(m);
}

static void replays_go_before_forecasts_and_tell_their_fidelity(void **state)
{
    struct measurement *m = case_gil_threads(4, 500 * MS, 1500 * MS);
    struct advice *a;
    const struct model_evidence *row;
    double replayed = 3.0, simulated;

    (void)state;
    build_replay(m, MODEL_THREADS, 4, 10, m->wall_ns / 10 * 9, true);
    build_replay(m, MODEL_PROCESSES, 4, 9, m->wall_ns / 10 * 3, false);
    build_replay(m, MODEL_PROCESSES, 2, 9, m->wall_ns / 10 * 5, false);
    a = evidence_of(m, MODEL_THREADS, 4);
    row = &a->evidence.models[MODEL_PROCESSES];
    assert_int_equal(a->evidence.runs, 9);
    assert_true(fabs(a->evidence.fidelity - 0.9) < 0.01);
    assert_true(a->evidence.forecast_fidelity > 0.9);
    assert_int_equal(row->source, SOURCE_REPLAY);
    assert_int_equal(row->workers, 4);
    simulated = (double)m->wall_ns / (double)row->forecast_ns;
    assert_true(row->speedup > fmin(replayed, simulated) * 0.99 && row->speedup < fmax(replayed * 1.12, simulated));
    assert_true(fabs(row->agreement - (double)row->replay_ns / (double)row->forecast_ns) < 1e-9);
    assert_true(row->agreement > 1.0);
    advice_free(a);
    measurement_free(m);
}

/* One number to bet on: the time and the speedup say the same, in the row and at both ends of its interval. */
static void times_and_speedups_are_consistent(void **state)
{
    struct measurement *m = case_gil_threads(4, 500 * MS, 1500 * MS);
    struct advice *a;

    (void)state;
    build_replay(m, MODEL_THREADS, 4, 10, m->wall_ns / 10 * 12, true);
    build_replay(m, MODEL_PROCESSES, 4, 10, m->wall_ns / 10 * 3, false);
    a = evidence_of(m, MODEL_THREADS, 4);
    for (int i = 0; i < MODEL_COUNT; i++) {
        const struct model_evidence *row = &a->evidence.models[i];
        double now_ns = (double)m->wall_ns;

        assert_true(row->available);
        assert_true(fabs((double)row->median_ns - now_ns / row->speedup) < 2.0);
        assert_true(fabs((double)row->interval_ns[0] - now_ns / row->speedup_interval[1]) < 2.0);
        assert_true(fabs((double)row->interval_ns[1] - now_ns / row->speedup_interval[0]) < 2.0);
        assert_true(row->speedup_interval[0] <= row->scatter[0] && row->scatter[0] <= row->speedup);
        assert_true(row->speedup <= row->scatter[1] && row->scatter[1] <= row->speedup_interval[1]);
    }
    assert_int_equal(a->evidence.models[MODEL_THREADS].source, SOURCE_MEASURED);
    assert_int_equal(a->evidence.models[MODEL_THREADS].median_ns, m->wall_ns);
    assert_true(a->evidence.models[MODEL_THREADS].replay_ns > m->wall_ns);
    advice_free(a);
    measurement_free(m);
}

/* Four waits of 1.5 s at once, and a replay that says the same could be done in 0.6 s: it measured its own noise. */
static void no_replay_ends_before_the_longest_item(void **state)
{
    for (int slow = 0; slow < 2; slow++) { /* also where the replays take all for longer than it was */
        struct measurement *m = build_new(RUNTIME_CPYTHON, 2);
        const struct model_evidence *row;
        struct advice *a;

        (void)state;
        build_repeat(m, build_lane(m, 100, 100, 0), 1, MS, 0, CAUSE_OTHER, 0);
        for (int i = 0; i < 4; i++)
            build_repeat(m, build_lane(m, 100, 101 + i, 0), 1, 10 * MS, 0, CAUSE_PIPE, 1500 * MS);
        build_finish(m, 0.0);
        build_replay(m, MODEL_THREADS, 4, 10, (slow ? 1900 : 1510) * MS, true);
        build_replay(m, MODEL_PROCESSES, 4, 10, 600 * MS, false);
        a = evidence_of(m, MODEL_THREADS, 4);
        row = &a->evidence.models[MODEL_PROCESSES];
        assert_true(row->median_ns >= 1490 * MS && row->speedup < 1.03);
        assert_true(row->interval_ns[0] <= row->median_ns && row->scatter[1] >= row->speedup);
        advice_free(a);
        measurement_free(m);
    }
}

static void a_replay_far_from_the_simulation_is_marked(void **state)
{
    static const struct {
        double share;
        bool disagreement;
    } cases[] = {{0.26, false}, {0.5, true}, {0.1, true}};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct measurement *m = case_gil_threads(4, 500 * MS, 1500 * MS);
        struct advice *a;

        build_replay(m, MODEL_THREADS, 4, 10, m->wall_ns, true);
        build_replay(m, MODEL_PROCESSES, 4, 10, (uint64_t)(cases[i].share * (double)m->wall_ns), false);
        a = evidence_of(m, MODEL_THREADS, 4);
        assert_int_equal(a->evidence.models[MODEL_PROCESSES].disagreement, cases[i].disagreement);
        assert_false(a->evidence.models[MODEL_THREADS].disagreement);
        advice_free(a);
        measurement_free(m);
    }
}

/* A machine that is busy during the replays: all take twice as long as the run they are of. */
static void replays_that_miss_the_run_are_shown_and_not_used(void **state)
{
    struct measurement *m = case_gil_threads(4, 500 * MS, 1500 * MS);
    const struct model_evidence *row;
    struct advice *a;

    (void)state;
    build_replay(m, MODEL_THREADS, 4, 10, m->wall_ns * 2, true);
    build_replay(m, MODEL_PROCESSES, 4, 10, m->wall_ns * 2, false);
    a = evidence_of(m, MODEL_THREADS, 4);
    row = &a->evidence.models[MODEL_PROCESSES];
    assert_true(a->evidence.replays_distrusted);
    assert_int_equal(row->source, SOURCE_FORECAST);
    assert_true(row->disagreement && row->replay_ns > m->wall_ns);
    assert_true(row->speedup > 2.0);
    advice_free(a);
    measurement_free(m);
}

static void repeated_runs_give_the_present_its_interval(void **state)
{
    struct measurement *m = case_gil_threads(4, 500 * MS, 1500 * MS);
    const struct model_evidence *row;
    struct advice *a;

    (void)state;
    m->repeats = calloc(3, sizeof(*m->repeats));
    assert_non_null(m->repeats);
    m->n_repeats = 3;
    for (size_t i = 0; i < 3; i++)
        m->repeats[i].wall_ns = m->wall_ns + i * 10 * MS;
    a = evidence_of(m, MODEL_THREADS, 4);
    row = &a->evidence.models[MODEL_THREADS];
    assert_int_equal(row->interval_ns[0], m->wall_ns);
    assert_int_equal(row->interval_ns[1], m->wall_ns + 20 * MS);
    advice_free(a);
    measurement_free(m);
}

/* The curve passes through the row it belongs to, and a bound takes its time from it. */
static void a_lowered_number_of_workers_takes_its_time_from_the_curve(void **state)
{
    struct measurement *m = case_gil_threads(4, 500 * MS, 1500 * MS);
    const struct model_evidence *row;
    struct advice *a;

    (void)state;
    build_replay(m, MODEL_THREADS, 4, 10, m->wall_ns, true);
    build_replay(m, MODEL_PROCESSES, 4, 10, m->wall_ns / 4, false);
    m->machine.memory_bytes = UINT64_C(8) << 30;
    m->replays[1].peak_rss_bytes = UINT64_C(12) << 30; /* 3 GiB each */
    a = evidence_of(m, MODEL_THREADS, 4);
    row = &a->evidence.models[MODEL_PROCESSES];
    assert_int_equal(row->workers, 2);
    assert_int_equal(row->bound, BOUND_MEMORY);
    assert_int_equal(row->peak_rss_bytes, UINT64_C(6) << 30);
    assert_true(row->speedup > 1.5 && row->speedup < 2.2);
    /* So do its two sources: what is shown beside a time is for as many workers. */
    assert_true(row->forecast_ns > m->wall_ns / 3 && row->replay_ns > m->wall_ns / 3);
    assert_true(fabs(row->agreement - (double)row->replay_ns / (double)row->forecast_ns) < 1e-6);
    for (size_t i = 0; i < row->n_scaling; i++)
        if (row->scaling[i].workers == 2)
            assert_true(fabs(row->scaling[i].speedup / row->speedup - 1.0) < 1e-6);
    advice_free(a);
    measurement_free(m);
}

/* Replays that take less than the program does promise part of it as a gain; against themselves they gain nothing. */
static void mended_is_held_against_the_same_source(void **state)
{
    struct measurement *m = case_gil_threads(4, 500 * MS, 1500 * MS);
    struct advice *a = evidence_of(m, MODEL_THREADS, 4);
    const struct evidence *evidence = &a->evidence;

    (void)state;
    assert_int_equal(evidence->mended_source, SOURCE_FORECAST);
    assert_true(evidence->mended_by_itself > 0.9);
    assert_true(evidence->mended_by_itself < 1.1); /* threads under the lock are what they are, however many */
    advice_free(a);
    build_replay(m, MODEL_THREADS, 4, 10, m->wall_ns * 85 / 100, true);
    build_replay(m, MODEL_THREADS, 2, 10, m->wall_ns * 85 / 100, false);
    a = evidence_of(m, MODEL_THREADS, 4);
    evidence = &a->evidence;
    assert_int_equal(evidence->mended_source, SOURCE_REPLAY);
    assert_true(evidence->mended_speedup > 1.03);
    assert_true(evidence->mended_by_itself > 0.95 && evidence->mended_by_itself < 1.05);
    advice_free(a);
    measurement_free(m);
}

static void curves_end_where_more_is_useless(void **state)
{
    struct measurement *m = case_serial_waits(RUNTIME_CPYTHON, 40, 50 * MS, MS);
    struct advice *a = evidence_of(m, MODEL_SERIAL, 1);

    (void)state;
    for (int i = 0; i < MODEL_COUNT; i++) {
        const struct model_evidence *row = &a->evidence.models[i];

        assert_true(row->n_scaling >= 1);
        assert_int_equal(row->scaling[0].workers, 1);
        for (size_t k = 1; k < row->n_scaling; k++)
            assert_true(row->scaling[k].workers > row->scaling[k - 1].workers);
        assert_true(row->scaling[row->n_scaling - 1].workers <= 64);
    }
    advice_free(a);
    measurement_free(m);
}

/* How many waits of a loop overlapped is not known: their sum is not, either. */
static void what_can_not_be_told_is_not_there(void **state)
{
    struct measurement *m = case_loop(400, MS, 10 * MS, 8);
    struct advice *a = advice_new();
    struct forecast f;

    (void)state;
    assert_int_equal(forecast_init(m, MODEL_COROUTINES, 8, 0, &f), 0);
    assert_non_null(f.profile);
    f.profile->waits_unknown = true;
    f.profile->dependence.hand_offs = 7;
    assert_int_equal(evidence_fill(m, &f, MODEL_COROUTINES, 8, &a->evidence), 0);
    assert_true(a->evidence.waits_unknown);
    assert_false(a->evidence.models[MODEL_SERIAL].available);
    assert_false(a->evidence.models[MODEL_THREADS].available);
    assert_false(a->evidence.models[MODEL_PROCESSES].available);
    assert_true(a->evidence.models[MODEL_COROUTINES].current);
    assert_true(a->evidence.models[MODEL_PROCESSES_COROUTINES].available);
    assert_non_null(strstr(a->evidence.models[MODEL_PROCESSES_COROUTINES].assumptions[0], "7 hand-offs"));
    /* Nor can one loop be told from several. */
    f.profile->current_model = MODEL_PROCESSES_COROUTINES;
    advice_free(a);
    a = advice_new();
    assert_int_equal(evidence_fill(m, &f, MODEL_PROCESSES_COROUTINES, 8, &a->evidence), 0);
    assert_false(a->evidence.models[MODEL_COROUTINES].available);
    forecast_clear(&f);
    advice_free(a);
    measurement_free(m);
}

static void nothing_to_rearrange_leaves_what_was_measured(void **state)
{
    struct measurement *m = build_new(RUNTIME_NATIVE, 4);
    struct advice *a;

    (void)state;
    build_wait(m, build_lane(m, 100, 100, 0), CAUSE_IDLE, 1000 * MS);
    build_finish(m, 0.0);
    a = evidence_of(m, MODEL_SERIAL, 1);
    assert_true(a->evidence.models[MODEL_SERIAL].available);
    assert_false(a->evidence.models[MODEL_THREADS].available);
    assert_true(a->evidence.models[MODEL_THREADS].speedup == 0.0);
    advice_free(a);
    measurement_free(m);
}

static void more_cpus_can_be_asked_for(void **state)
{
    struct measurement *m = case_gil_threads(8, 500 * MS, 3500 * MS);
    struct advice *four = evidence_of(m, MODEL_THREADS, 8), *eight = evidence_on(m, MODEL_THREADS, 8, 8);

    (void)state;
    assert_true(eight->evidence.models[MODEL_PROCESSES].speedup > 1.3 * four->evidence.models[MODEL_PROCESSES].speedup);
    assert_true(eight->evidence.models[MODEL_PROCESSES].workers > 4);
    assert_int_equal(eight->evidence.cpus, 8);
    advice_free(four);
    advice_free(eight);
    measurement_free(m);
}

/* Four CPUs can't replay eight: the simulation alone speaks, measured against this run on its own CPUs. */
static void replays_say_nothing_about_other_cpus(void **state)
{
    struct measurement *m = case_busy_threads(RUNTIME_NATIVE, 4, 8, 1000 * MS, 1000 * MS);
    struct advice *a;

    (void)state;
    build_replay(m, MODEL_THREADS, 8, 10, m->wall_ns, true);
    build_replay(m, MODEL_PROCESSES, 8, 10, m->wall_ns, false);
    a = evidence_on(m, MODEL_THREADS, 8, 8);
    assert_int_equal(a->evidence.runs, 0);
    assert_true(a->evidence.replayed_now_ns > 0);
    assert_int_equal(a->evidence.models[MODEL_PROCESSES].source, SOURCE_FORECAST);
    assert_int_equal(a->evidence.models[MODEL_THREADS].source, SOURCE_FORECAST);
    assert_true(a->evidence.models[MODEL_THREADS].current);
    assert_true(a->evidence.models[MODEL_THREADS].speedup > 1.7);
    assert_true(a->evidence.models[MODEL_PROCESSES].speedup > 1.7);
    advice_free(a);
    measurement_free(m);
}

/* That the loop has threads behind it is an assumption of its row, and of no other. */
static void an_executor_is_an_assumption(void **state)
{
    struct measurement *m = executor_measured();
    struct advice *a;

    (void)state;
    synthetic_finish(m);
    a = evidence_of(m, MODEL_COROUTINES, 8);
    assert_true(a->evidence.long_calls);
    assert_false(a->evidence.nothing_to_await);
    for (int model = 0; model < MODEL_COUNT; model++) {
        const struct model_evidence *row = &a->evidence.models[model];
        bool said = false;

        for (size_t i = 0; i < row->n_assumptions; i++)
            said |= strstr(row->assumptions[i], "asyncio.to_thread") != NULL;
        assert_int_equal(said, model == MODEL_COROUTINES);
    }
    advice_free(a);
    measurement_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_replays_the_forecast_speaks),
        cmocka_unit_test(replays_go_before_forecasts_and_tell_their_fidelity),
        cmocka_unit_test(times_and_speedups_are_consistent),
        cmocka_unit_test(no_replay_ends_before_the_longest_item),
        cmocka_unit_test(a_replay_far_from_the_simulation_is_marked),
        cmocka_unit_test(replays_that_miss_the_run_are_shown_and_not_used),
        cmocka_unit_test(repeated_runs_give_the_present_its_interval),
        cmocka_unit_test(a_lowered_number_of_workers_takes_its_time_from_the_curve),
        cmocka_unit_test(mended_is_held_against_the_same_source),
        cmocka_unit_test(curves_end_where_more_is_useless),
        cmocka_unit_test(what_can_not_be_told_is_not_there),
        cmocka_unit_test(nothing_to_rearrange_leaves_what_was_measured),
        cmocka_unit_test(more_cpus_can_be_asked_for),
        cmocka_unit_test(replays_say_nothing_about_other_cpus),
        cmocka_unit_test(an_executor_is_an_assumption),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
