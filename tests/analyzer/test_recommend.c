/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "analyzer/recommend.h"
#include "cases.h"

/* Rows of evidence as a test wants them. */
static struct advice *advice_with(enum model current, size_t runs)
{
    struct advice *a = advice_new();

    a->current_model = current;
    a->current_workers = 4;
    a->evidence.runs = runs;
    a->evidence.models[current] = (struct model_evidence){.model = current,
                                                          .available = true,
                                                          .current = true,
                                                          .workers = 4,
                                                          .speedup = 1.0,
                                                          .speedup_interval = {1.0, 1.0},
                                                          .scatter = {1.0, 1.0}};
    return a;
}

static void row(struct advice *a, enum model model, double speedup, enum evidence_source source)
{
    a->evidence.models[model] = (struct model_evidence){.model = model,
                                                        .available = true,
                                                        .workers = 4,
                                                        .speedup = speedup,
                                                        .speedup_interval = {speedup * 0.7, speedup * 1.4},
                                                        .scatter = {speedup * 0.99, speedup * 1.01},
                                                        .source = source};
}

static const struct tree_leaf to_processes = {"l", MODEL_PROCESSES, false, CHANGE_SWITCH, "w", false};
static const struct tree_leaf to_threads = {"l", MODEL_THREADS, false, CHANGE_SWITCH, "w", false};
static const struct tree_leaf to_coroutines = {"l", MODEL_COROUTINES, false, CHANGE_SWITCH, "w", false};
static const struct tree_leaf to_hybrid = {"l", MODEL_PROCESSES_COROUTINES, false, CHANGE_SWITCH, "w", false};
static const struct tree_leaf keep = {"l", MODEL_NONE, true, CHANGE_KEEP, "w", false};
static const struct tree_leaf keep_firmly = {"l", MODEL_NONE, true, CHANGE_KEEP, "w", true};
static const struct tree_leaf mend = {"l", MODEL_NONE, true, CHANGE_FIX, "w", false};

static void decide(struct advice *a, const struct tree_leaf *leaf)
{
    struct measurement *m = case_serial_cpu(RUNTIME_CPYTHON, 10000 * MS);
    uint32_t in_flight;

    assert_int_equal(recommend(m, leaf, 4, a, &in_flight), 0);
    measurement_free(m);
}

static void the_replayed_model_is_recommended_with_its_numbers(void **state)
{
    struct advice *a = advice_with(MODEL_THREADS, 10);

    (void)state;
    row(a, MODEL_PROCESSES, 3.4, SOURCE_REPLAY);
    decide(a, &to_processes);
    assert_int_equal(a->recommendation.model, MODEL_PROCESSES);
    assert_int_equal(a->recommendation.change, CHANGE_SWITCH);
    assert_true(a->recommendation.replayed);
    assert_true(a->recommendation.expected_speedup > 3.39 && a->recommendation.expected_speedup < 3.41);
    assert_true(a->recommendation.expected_ns > 2900 * MS && a->recommendation.expected_ns < 2960 * MS);
    assert_false(a->evidence.disagrees);
    assert_int_equal(a->evidence.n_ties, 0);
    advice_free(a);
}

static void where_they_disagree_the_replay_wins(void **state)
{
    struct advice *a = advice_with(MODEL_SERIAL, 10);

    (void)state;
    row(a, MODEL_PROCESSES, 1.5, SOURCE_REPLAY);
    row(a, MODEL_THREADS, 3.0, SOURCE_REPLAY);
    decide(a, &to_processes);
    assert_int_equal(a->recommendation.model, MODEL_THREADS);
    assert_true(a->evidence.disagrees);
    advice_free(a);
}

static void a_difference_that_the_run_does_not_notice_overrules_nothing(void **state)
{
    /* Processes and event loops together have to save more than either alone. */
    static const struct {
        enum model rival;
        double speedup; /* coroutines: 8, which is 12.5 % of the time now */
        bool wins;
    } cases[] = {
        {MODEL_PROCESSES, 9.3, false},             /* 1.8 % less */
        {MODEL_PROCESSES, 9.7, true},              /* 2.2 % */
        {MODEL_PROCESSES_COROUTINES, 16.0, false}, /* 6.2 % */
        {MODEL_PROCESSES_COROUTINES, 20.0, true},  /* 7.5 % */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct advice *a = advice_with(MODEL_SERIAL, 10);

        row(a, MODEL_COROUTINES, 8.0, SOURCE_REPLAY);
        row(a, cases[i].rival, cases[i].speedup, SOURCE_REPLAY);
        decide(a, &to_coroutines);
        assert_int_equal(a->recommendation.model, cases[i].wins ? cases[i].rival : MODEL_COROUTINES);
        assert_int_equal(a->evidence.disagrees, cases[i].wins);
        advice_free(a);
    }
}

static void a_replay_that_misses_this_run_overrules_nothing(void **state)
{
    static const struct {
        double fidelity;
        enum model model;
    } table[] = {{0.99, MODEL_COROUTINES}, {0.5, MODEL_PROCESSES}, {0.0, MODEL_PROCESSES}};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        struct advice *a = advice_with(MODEL_SERIAL, 10);

        a->evidence.replayed_now_ns = 1000 * MS;
        a->evidence.fidelity = table[i].fidelity;
        row(a, MODEL_PROCESSES, 2.0, SOURCE_REPLAY);
        row(a, MODEL_COROUTINES, 8.0, SOURCE_REPLAY);
        decide(a, &to_processes);
        assert_int_equal(a->recommendation.model, table[i].model);
        advice_free(a);
    }
}

static void where_only_forecasts_disagree_the_tree_wins(void **state)
{
    struct advice *a = advice_with(MODEL_SERIAL, 0);

    (void)state;
    row(a, MODEL_PROCESSES, 1.5, SOURCE_FORECAST);
    row(a, MODEL_THREADS, 3.0, SOURCE_FORECAST);
    decide(a, &to_processes);
    assert_int_equal(a->recommendation.model, MODEL_PROCESSES);
    assert_false(a->evidence.disagrees);
    advice_free(a);
}

/* "Use coroutines: 1.0x expected" is no advice. */
static void a_forecast_without_a_gain_moves_nobody(void **state)
{
    static const struct {
        double speedup;
        enum change change;
    } table[] = {{1.0, CHANGE_KEEP}, {1.019, CHANGE_KEEP}, {1.021, CHANGE_SWITCH}};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct advice *a = advice_with(MODEL_THREADS, 0);

        a->evidence.forecast_now_ns = 10000 * MS;
        row(a, MODEL_COROUTINES, table[i].speedup, SOURCE_FORECAST);
        a->evidence.models[MODEL_COROUTINES].forecast_ns = (uint64_t)(10000 * MS / table[i].speedup);
        decide(a, &to_coroutines);
        assert_int_equal(a->recommendation.change, table[i].change);
        assert_int_equal(a->recommendation.model, i < 2 ? MODEL_THREADS : MODEL_COROUTINES);
        advice_free(a);
    }
}

static void a_tie_goes_to_the_simpler_model(void **state)
{
    struct advice *a = advice_with(MODEL_SERIAL, 10);

    (void)state;
    row(a, MODEL_PROCESSES, 3.0, SOURCE_REPLAY);
    row(a, MODEL_THREADS, 2.95, SOURCE_REPLAY);
    decide(a, &to_processes);
    assert_int_equal(a->recommendation.model, MODEL_THREADS);
    assert_int_equal(a->evidence.n_ties, 1);
    assert_int_equal(a->evidence.ties[0], MODEL_PROCESSES);
    assert_false(a->evidence.disagrees);
    advice_free(a);
}

static void beyond_five_percent_is_no_tie(void **state)
{
    struct advice *a = advice_with(MODEL_SERIAL, 10);

    (void)state;
    row(a, MODEL_PROCESSES, 3.0, SOURCE_REPLAY);
    row(a, MODEL_THREADS, 2.8, SOURCE_REPLAY);
    decide(a, &to_processes);
    assert_int_equal(a->recommendation.model, MODEL_PROCESSES);
    assert_int_equal(a->evidence.n_ties, 0);
    advice_free(a);
}

static void a_small_difference_needs_a_reason_in_the_forecast(void **state)
{
    static const struct {
        double hybrid;
        uint64_t forecast_ns;
        enum model model;
    } table[] = {
        {2.0, 500 * MS, MODEL_PROCESSES},            /* 10 % apart, the same in the forecast: a tie */
        {2.1, 400 * MS, MODEL_PROCESSES_COROUTINES}, /* waits overlap: explained */
        {2.4, 500 * MS, MODEL_PROCESSES_COROUTINES}, /* too much to be the sample's */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        struct advice *a = advice_with(MODEL_SERIAL, 10);

        row(a, MODEL_PROCESSES, 1.8, SOURCE_REPLAY);
        row(a, MODEL_PROCESSES_COROUTINES, table[i].hybrid, SOURCE_REPLAY);
        a->evidence.models[MODEL_PROCESSES].forecast_ns = 500 * MS;
        a->evidence.models[MODEL_PROCESSES_COROUTINES].forecast_ns = table[i].forecast_ns;
        decide(a, &to_processes);
        assert_int_equal(a->recommendation.model, table[i].model);
        assert_int_equal(a->evidence.disagrees, table[i].model != MODEL_PROCESSES);
        assert_int_equal(a->evidence.n_ties, table[i].model == MODEL_PROCESSES);
        advice_free(a);
    }
}

static void an_event_loop_is_not_given_up_for_as_many_workers(void **state)
{
    struct advice *a = advice_with(MODEL_SERIAL, 10), *b = advice_with(MODEL_SERIAL, 10),
                  *c = advice_with(MODEL_SERIAL, 10);

    (void)state;
    row(a, MODEL_COROUTINES, 10.0, SOURCE_REPLAY);
    row(a, MODEL_THREADS, 10.0, SOURCE_REPLAY);
    decide(a, &to_coroutines);
    assert_int_equal(a->recommendation.model, MODEL_COROUTINES);
    assert_int_equal(a->evidence.ties[0], MODEL_THREADS);

    row(b, MODEL_PROCESSES_COROUTINES, 6.0, SOURCE_REPLAY);
    row(b, MODEL_PROCESSES, 6.0, SOURCE_REPLAY);
    b->evidence.models[MODEL_PROCESSES].workers = 16;
    decide(b, &to_hybrid);
    assert_int_equal(b->recommendation.model, MODEL_PROCESSES_COROUTINES);

    row(c, MODEL_PROCESSES_COROUTINES, 6.0, SOURCE_REPLAY);
    row(c, MODEL_PROCESSES, 6.0, SOURCE_REPLAY);
    decide(c, &to_hybrid);
    assert_int_equal(c->recommendation.model, MODEL_PROCESSES);
    advice_free(a);
    advice_free(b);
    advice_free(c);
}

/* Twelve processes do what two with the event loops do that are there already. */
static void an_event_loop_that_is_there_stays(void **state)
{
    static const struct {
        enum model current;
        uint32_t workers;
        const struct tree_leaf *leaf;
        enum model model;
    } table[] = {
        {MODEL_COROUTINES, 12, &to_processes, MODEL_PROCESSES_COROUTINES},
        {MODEL_COROUTINES, 2, &to_processes, MODEL_PROCESSES},
        {MODEL_SERIAL, 12, &to_processes, MODEL_PROCESSES},
        {MODEL_COROUTINES, 2, &keep, MODEL_PROCESSES_COROUTINES}, /* overruled by as little as it takes */
        {MODEL_THREADS, 2, &keep, MODEL_PROCESSES},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        struct advice *a = advice_with(table[i].current, 10);

        row(a, MODEL_PROCESSES, 1.5, SOURCE_REPLAY);
        row(a, MODEL_PROCESSES_COROUTINES, 1.52, SOURCE_REPLAY);
        a->evidence.models[MODEL_PROCESSES].workers = table[i].workers;
        a->evidence.models[MODEL_PROCESSES_COROUTINES].workers = 2;
        decide(a, table[i].leaf);
        assert_int_equal(a->recommendation.model, table[i].model);
        advice_free(a);
    }
}

/* A server's loop is full, the tree asks for more of them: neither threads nor processes that would do the same replace
 * it. */
static void a_full_event_loop_gets_more_loops(void **state)
{
    static const enum model simpler[] = {MODEL_THREADS, MODEL_PROCESSES};
    static const struct tree_leaf *const leaves[] = {&to_hybrid, &keep}; /* or the replays overrule */
    static const enum evidence_source sources[] = {SOURCE_REPLAY, SOURCE_FORECAST};

    (void)state;
    for (size_t i = 0; i < 8; i++) {
        bool forecast = i % 2, overruled = i / 2 % 2;
        struct advice *a = advice_with(MODEL_COROUTINES, 10);

        a->evidence.serves = true;
        row(a, simpler[i / 4], 2.08, sources[forecast]);
        row(a, MODEL_PROCESSES_COROUTINES, 2.03, sources[forecast]);
        decide(a, leaves[overruled]);
        assert_int_equal(a->recommendation.model,
                         forecast && overruled ? MODEL_COROUTINES : MODEL_PROCESSES_COROUTINES);
        advice_free(a);
    }
}

static void nothing_is_changed_for_a_tie_with_now(void **state)
{
    struct advice *a = advice_with(MODEL_THREADS, 10);

    (void)state;
    row(a, MODEL_PROCESSES, 1.03, SOURCE_REPLAY);
    row(a, MODEL_SERIAL, 1.0, SOURCE_REPLAY);
    decide(a, &to_processes);
    assert_int_equal(a->recommendation.model, MODEL_THREADS);
    assert_int_equal(a->recommendation.change, CHANGE_KEEP);
    advice_free(a);
}

static void keep_is_overruled_only_by_a_large_replayed_gain(void **state)
{
    static const struct {
        double speedup;
        enum evidence_source source;
        const struct tree_leaf *leaf;
        enum model model;
    } table[] = {
        {1.22, SOURCE_REPLAY, &keep, MODEL_THREADS},  {1.3, SOURCE_REPLAY, &keep, MODEL_PROCESSES},
        {3.0, SOURCE_FORECAST, &keep, MODEL_THREADS}, {3.0, SOURCE_REPLAY, &keep_firmly, MODEL_THREADS},
        {1.45, SOURCE_REPLAY, &mend, MODEL_THREADS},  {1.6, SOURCE_REPLAY, &mend, MODEL_PROCESSES},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        struct advice *a = advice_with(MODEL_THREADS, table[i].source == SOURCE_REPLAY ? 10 : 0);

        row(a, MODEL_PROCESSES, table[i].speedup, table[i].source);
        decide(a, table[i].leaf);
        assert_int_equal(a->recommendation.model, table[i].model);
        assert_int_equal(a->evidence.disagrees, table[i].model != MODEL_THREADS);
        advice_free(a);
    }
}

static void the_same_model_mended_is_a_fix(void **state)
{
    struct advice *a = advice_with(MODEL_PROCESSES, 0), *b = advice_with(MODEL_PROCESSES, 0);

    (void)state;
    a->evidence.mended_speedup = 2.0;
    a->evidence.mended_interval[0] = a->evidence.mended_interval[1] = 2.0;
    a->evidence.mended_workers = 8;
    decide(a, &to_processes);
    assert_int_equal(a->recommendation.change, CHANGE_FIX);
    assert_int_equal(a->recommendation.workers, 8);
    assert_true(a->recommendation.expected_speedup > 1.99);
    b->evidence.mended_speedup = 1.1;
    decide(b, &to_processes);
    assert_int_equal(b->recommendation.change, CHANGE_KEEP);
    assert_true(b->recommendation.expected_speedup < 1.01);
    advice_free(a);
    advice_free(b);
}

/* Where one worker would do as well, the pool is not what to mend: its number stays. */
static void one_worker_is_no_pool_to_stay_with(void **state)
{
    struct advice *a = advice_with(MODEL_PROCESSES, 0);

    (void)state;
    a->current_workers = 4;
    a->evidence.mended_speedup = 2.0;
    a->evidence.mended_interval[0] = a->evidence.mended_interval[1] = 2.0;
    a->evidence.mended_workers = 1;
    a->evidence.mended_bound = BOUND_MEMORY;
    decide(a, &to_processes);
    assert_int_equal(a->recommendation.change, CHANGE_FIX);
    assert_int_equal(a->recommendation.workers, 4);
    assert_int_equal(a->recommendation.bound, BOUND_NONE);
    assert_true(a->recommendation.expected_speedup > 1.99);
    advice_free(a);
}

/*
 * What would be kept, but with other workers would take a fifth less and a tenth of a second. A run takes 10 s. A
 * pipeline of 100 items keeps its model, too, where another one would save little more.
 */
static void other_workers_are_a_fix(void **state)
{
    static const struct {
        double speedup;
        uint32_t workers;
        const struct tree_leaf *leaf;
        double rival;
        uint64_t passed_on;
        enum change change;
        double by_itself; /* what the source says of now is this much more; 0: nothing */
    } table[] = {
        {2.0, 16, &keep, 1.0, 0, CHANGE_FIX, 0},
        {1.1, 16, &keep, 1.0, 0, CHANGE_KEEP, 0},
        {2.0, 4, &keep, 1.0, 0, CHANGE_KEEP, 0}, /* as many as now */
        {2.0, 16, &keep, 1.0, 0, CHANGE_FIX, 1.9},
        {2.0, 16, &keep, 1.0, 0, CHANGE_KEEP, 1.1}, /* it misses the program as it is now by as much */
        {2.0, 16, &to_threads, 1.0, 0, CHANGE_KEEP, 1.1},
        {2.0, 16, &keep_firmly, 1.0, 0, CHANGE_KEEP, 0},
        {4.0, 16, &to_coroutines, 4.1, 100, CHANGE_FIX, 0}, /* it would save 61 ms more */
        {4.0, 16, &to_coroutines, 4.2, 100, CHANGE_SWITCH, 0},
        {4.0, 16, &to_coroutines, 4.1, 99, CHANGE_SWITCH, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        struct advice *a = advice_with(MODEL_THREADS, 10);
        bool fix = table[i].change == CHANGE_FIX;

        row(a, MODEL_COROUTINES, table[i].rival, SOURCE_REPLAY);
        a->evidence.dependence.items = 100;
        a->evidence.dependence.passed_on = table[i].passed_on;
        a->evidence.mended_speedup = table[i].speedup;
        a->evidence.mended_interval[0] = a->evidence.mended_interval[1] = table[i].speedup;
        a->evidence.mended_workers = table[i].workers;
        a->evidence.mended_source = SOURCE_REPLAY;
        a->evidence.mended_by_itself = table[i].by_itself;
        decide(a, table[i].leaf);
        assert_int_equal(a->recommendation.change, table[i].change);
        assert_string_equal(a->recommendation.why_id, fix ? "other_workers" : "w");
        assert_int_equal(a->recommendation.workers, fix ? 16 : 4);
        advice_free(a);
    }
}

/* Replays that miss the run leave the word to a simulation that meets it, and to nobody if it does not. */
static void a_simulation_that_meets_the_run_may_overrule(void **state)
{
    for (int met = 0; met < 2; met++) {
        struct advice *a = advice_with(MODEL_PROCESSES, 10);

        (void)state;
        row(a, MODEL_THREADS, 3.0, SOURCE_FORECAST);
        a->evidence.replays_distrusted = true;
        a->evidence.fidelity = 0.5;
        a->evidence.replayed_now_ns = 15000 * MS;
        a->evidence.forecast_fidelity = met ? 0.95 : 0.7;
        decide(a, &keep);
        assert_int_equal(a->recommendation.model, met ? MODEL_THREADS : MODEL_PROCESSES);
        advice_free(a);
    }
}

/* Processes have no row where a loop's waits could not be counted: a loop in each of them has. */
static void a_loop_whose_waits_are_unknown_gets_more_loops(void **state)
{
    for (int unknown = 0; unknown < 2; unknown++) {
        struct advice *a = advice_with(MODEL_COROUTINES, 10);

        (void)state;
        row(a, MODEL_PROCESSES_COROUTINES, 1.9, SOURCE_REPLAY);
        a->evidence.waits_unknown = unknown;
        decide(a, &to_processes);
        assert_int_equal(a->recommendation.model, unknown ? MODEL_PROCESSES_COROUTINES : MODEL_PROCESSES);
        advice_free(a);
    }
}

/* Forecasts take items for independent: where tasks of a loop wait for each other, they overrule nothing. */
static void a_loop_whose_tasks_are_held_up_is_kept(void **state)
{
    for (int held_up = 0; held_up < 2; held_up++) {
        struct advice *a = advice_with(MODEL_COROUTINES, 10);

        (void)state;
        row(a, MODEL_THREADS, 3.0, SOURCE_REPLAY);
        a->evidence.tasks_held_up = held_up;
        decide(a, &keep);
        assert_int_equal(a->recommendation.change, held_up ? CHANGE_KEEP : CHANGE_SWITCH);
        assert_int_equal(a->recommendation.model, held_up ? MODEL_COROUTINES : MODEL_THREADS);
        advice_free(a);
    }
}

/* Plain serial code is given up for half a second, a pool for a tenth. */
static void serial_code_is_given_up_for_more(void **state)
{
    (void)state;
    assert_true(recommend_worth_ns(MODEL_SERIAL) > 4 * recommend_worth_ns(MODEL_THREADS));
    assert_true(recommend_worth_ns(MODEL_PROCESSES) == recommend_worth_ns(MODEL_THREADS));
}

/* The fastest is out of reach of the tie, the simplest beside it gains nothing: then nothing is changed. */
static void a_replay_without_a_gain_moves_nobody(void **state)
{
    struct advice *a = advice_with(MODEL_SERIAL, 10);

    (void)state;
    row(a, MODEL_PROCESSES, 1.05, SOURCE_REPLAY);
    row(a, MODEL_THREADS, 1.01, SOURCE_REPLAY);
    a->evidence.models[MODEL_THREADS].scatter[1] = 1.3;
    decide(a, &to_processes);
    assert_int_equal(a->recommendation.model, MODEL_SERIAL);
    assert_int_equal(a->recommendation.change, CHANGE_KEEP);
    advice_free(a);
}

static void a_pool_of_one_is_no_advice(void **state)
{
    for (uint32_t workers = 1; workers <= 2; workers++) {
        struct advice *a = advice_with(MODEL_SERIAL, 10);

        (void)state;
        row(a, MODEL_PROCESSES, 0.8, SOURCE_REPLAY);
        row(a, MODEL_THREADS, 1.2, SOURCE_REPLAY);
        a->evidence.models[MODEL_THREADS].workers = workers;
        decide(a, &to_processes);
        assert_int_equal(a->recommendation.model, workers == 1 ? MODEL_SERIAL : MODEL_THREADS);
        assert_int_equal(a->recommendation.change, workers == 1 ? CHANGE_KEEP : CHANGE_SWITCH);
        advice_free(a);
    }
}

static void what_bounds_the_workers_goes_with_them(void **state)
{
    struct advice *a = advice_with(MODEL_SERIAL, 10);

    (void)state;
    row(a, MODEL_PROCESSES, 3.0, SOURCE_REPLAY);
    a->evidence.models[MODEL_PROCESSES].workers = 2;
    a->evidence.models[MODEL_PROCESSES].bound = BOUND_MEMORY;
    decide(a, &to_processes);
    assert_int_equal(a->recommendation.workers, 2);
    assert_int_equal(a->recommendation.bound, BOUND_MEMORY);
    advice_free(a);
}

/* Asked for more CPUs, the program as it is now gets faster, too: only what is beyond that is gained by a switch. */
static void on_other_cpus_now_is_not_one(void **state)
{
    struct advice *a = advice_with(MODEL_THREADS, 0);

    (void)state;
    row(a, MODEL_PROCESSES, 3.9, SOURCE_FORECAST);
    a->evidence.forecast_now_ns = 10000 * MS;
    a->evidence.models[MODEL_PROCESSES].forecast_ns = 2564 * MS;
    a->evidence.models[MODEL_THREADS].speedup = 3.9;
    a->evidence.models[MODEL_THREADS].scatter[0] = a->evidence.models[MODEL_THREADS].scatter[1] = 3.9;
    decide(a, &to_processes);
    assert_int_equal(a->recommendation.change, CHANGE_KEEP);
    assert_true(a->recommendation.expected_speedup > 3.89);
    advice_free(a);
}

/* What the tree wants of loops, worker processes do where no loop could await the waits. */
static void loops_that_await_nothing_are_not_advised(void **state)
{
    struct advice *a = advice_with(MODEL_SERIAL, 0);

    (void)state;
    row(a, MODEL_PROCESSES, 3.0, SOURCE_FORECAST);
    row(a, MODEL_PROCESSES_COROUTINES, 3.0, SOURCE_FORECAST);
    a->evidence.models[MODEL_PROCESSES].workers = 16; /* more than loops: a reason to keep these */
    a->evidence.nothing_to_await = true;
    decide(a, &to_hybrid);
    assert_int_equal(a->recommendation.model, MODEL_PROCESSES);
    advice_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_replayed_model_is_recommended_with_its_numbers),
        cmocka_unit_test(where_they_disagree_the_replay_wins),
        cmocka_unit_test(a_difference_that_the_run_does_not_notice_overrules_nothing),
        cmocka_unit_test(a_replay_that_misses_this_run_overrules_nothing),
        cmocka_unit_test(where_only_forecasts_disagree_the_tree_wins),
        cmocka_unit_test(a_forecast_without_a_gain_moves_nobody),
        cmocka_unit_test(a_tie_goes_to_the_simpler_model),
        cmocka_unit_test(beyond_five_percent_is_no_tie),
        cmocka_unit_test(a_small_difference_needs_a_reason_in_the_forecast),
        cmocka_unit_test(an_event_loop_is_not_given_up_for_as_many_workers),
        cmocka_unit_test(an_event_loop_that_is_there_stays),
        cmocka_unit_test(a_full_event_loop_gets_more_loops),
        cmocka_unit_test(nothing_is_changed_for_a_tie_with_now),
        cmocka_unit_test(keep_is_overruled_only_by_a_large_replayed_gain),
        cmocka_unit_test(the_same_model_mended_is_a_fix),
        cmocka_unit_test(one_worker_is_no_pool_to_stay_with),
        cmocka_unit_test(other_workers_are_a_fix),
        cmocka_unit_test(a_simulation_that_meets_the_run_may_overrule),
        cmocka_unit_test(a_loop_whose_waits_are_unknown_gets_more_loops),
        cmocka_unit_test(a_loop_whose_tasks_are_held_up_is_kept),
        cmocka_unit_test(serial_code_is_given_up_for_more),
        cmocka_unit_test(a_replay_without_a_gain_moves_nobody),
        cmocka_unit_test(a_pool_of_one_is_no_advice),
        cmocka_unit_test(what_bounds_the_workers_goes_with_them),
        cmocka_unit_test(on_other_cpus_now_is_not_one),
        cmocka_unit_test(loops_that_await_nothing_are_not_advised),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
