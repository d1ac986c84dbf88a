/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "analyzer/confidence.h"
#include "analyzer/lanes.h"
#include "analyzer/metrics.h"
#include "cases.h"

static bool mentions(char *const *list, size_t n, const char *text)
{
    for (size_t i = 0; i < n; i++)
        if (strstr(list[i], text))
            return true;
    return false;
}

static struct measurement *replayed(double fidelity)
{
    struct measurement *m = case_gil_threads(4, 1000 * MS, 3000 * MS);

    build_replay(m, MODEL_THREADS, 4, 10, (uint64_t)((double)m->wall_ns * fidelity), true);
    build_replay(m, MODEL_PROCESSES, 4, 10, (uint64_t)((double)m->wall_ns * fidelity * 0.26), false);
    build_replay(m, MODEL_SERIAL, 1, 10, (uint64_t)((double)m->wall_ns * fidelity), false);
    return m;
}

static enum confidence confidence_of(const struct measurement *m, const char *reason)
{
    struct advice *a = build_advice(m);
    const struct recommendation *r = &a->recommendation;
    enum confidence confidence = r->confidence;

    if (reason && !mentions(r->confidence_reasons, r->n_confidence_reasons, reason))
        fail_msg("no reason mentions %s", reason);
    if (!reason && r->n_confidence_reasons > 0)
        fail_msg("unexpected reason: %s", r->confidence_reasons[0]);
    advice_free(a);
    return confidence;
}

static bool says_not_seen(const struct measurement *m, const char *what)
{
    struct advice *a = build_advice(m);
    bool says = mentions(a->recommendation.not_seen, a->recommendation.n_not_seen, what);

    advice_free(a);
    return says;
}

static void a_faithful_clear_replay_is_trusted(void **state)
{
    struct measurement *m = replayed(0.99);

    (void)state;
    assert_int_equal(confidence_of(m, NULL), CONFIDENCE_HIGH);
    measurement_free(m);
}

static void fidelity_has_two_limits(void **state)
{
    static const struct {
        double fidelity;
        enum confidence confidence;
        const char *reason;
    } cases[] = {
        {0.92, CONFIDENCE_HIGH, NULL},         {0.88, CONFIDENCE_MEDIUM, "faithful"},
        {0.82, CONFIDENCE_MEDIUM, "faithful"}, {0.78, CONFIDENCE_LOW, "faithful"},
        {2.50, CONFIDENCE_LOW, "faithful"}, /* more than twice the time measured: a fidelity of nothing */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct measurement *m = replayed(cases[i].fidelity);

        assert_int_equal(confidence_of(m, cases[i].reason), cases[i].confidence);
        measurement_free(m);
    }
}

/* Ten runs each of a program that takes a quarter of its time with processes, by replay; the simulation sees it, too.
 */
static void a_replay_that_contradicts_the_simulation_is_named(void **state)
{
    static const struct {
        double share;
        enum confidence most;
    } cases[] = {{0.32, CONFIDENCE_MEDIUM}, {0.45, CONFIDENCE_LOW}};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct measurement *m = case_gil_threads(4, 1000 * MS, 3000 * MS);

        build_replay(m, MODEL_THREADS, 4, 10, m->wall_ns, true);
        build_replay(m, MODEL_PROCESSES, 4, 10, (uint64_t)((double)m->wall_ns * cases[i].share), false);
        assert_true(confidence_of(m, "processes: replay and simulation disagree") <= cases[i].most);
        measurement_free(m);
    }
}

static void a_rival_that_comes_close_is_named(void **state)
{
    struct measurement *m = replayed(0.99);
    struct replay_result *rival = &m->replays[2];

    (void)state;
    /* 12 % behind, with runs that scatter. */
    rival->model = MODEL_COROUTINES;
    for (size_t i = 0; i < rival->n_runs; i++)
        rival->runs_ns[i] = (uint64_t)((double)m->wall_ns * (0.2974 + 0.0001 * (double)i));
    assert_true(confidence_of(m, "coroutines") <= CONFIDENCE_MEDIUM);
    measurement_free(m);
}

static enum confidence judged(uint64_t hand_offs, struct advice **ret_advice)
{
    struct measurement *m = replayed(0.99);
    struct lanes *lanes;
    struct metrics metrics;
    struct advice *a = build_advice(m), *b = advice_new();

    assert_int_equal(lanes_new(m, &lanes), 0);
    assert_int_equal(metrics_compute(m, lanes, 4, &metrics), 0);
    b->current_model = a->current_model;
    b->recommendation.model = MODEL_PROCESSES;
    b->recommendation.change = CHANGE_SWITCH;
    b->recommendation.replayed = true;
    b->recommendation.expected_speedup = 3.8;
    b->recommendation.interval[0] = 3.6;
    b->recommendation.interval[1] = 4.0;
    b->evidence.dependence = (struct item_dependence){.items = 100, .hand_offs = hand_offs};
    assert_int_equal(confidence_fill(m, &metrics, b), 0);
    *ret_advice = b;
    lanes_free(lanes);
    advice_free(a);
    measurement_free(m);
    return b->recommendation.confidence;
}

static void items_that_hand_on_to_each_other_are_doubted(void **state)
{
    static const struct {
        uint64_t hand_offs;
        enum confidence confidence;
    } cases[] = {{0, CONFIDENCE_HIGH}, {4, CONFIDENCE_HIGH}, {6, CONFIDENCE_MEDIUM}, {120, CONFIDENCE_LOW}};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct advice *a;

        assert_int_equal(judged(cases[i].hand_offs, &a), cases[i].confidence);
        assert_int_equal(mentions(a->recommendation.confidence_reasons, a->recommendation.n_confidence_reasons,
                                  "items may depend on each other"),
                         cases[i].confidence != CONFIDENCE_HIGH);
        advice_free(a);
    }
}

static void a_forecast_alone_is_medium_at_best(void **state)
{
    struct measurement *m = case_gil_threads(4, 1000 * MS, 3000 * MS);

    (void)state;
    assert_int_equal(confidence_of(m, "forecast, not replayed"), CONFIDENCE_MEDIUM);
    measurement_free(m);
}

static void a_value_next_to_its_limit_is_said(void **state)
{
    struct measurement *m = case_gil_threads(2, 830 * MS, 170 * MS);

    (void)state;
    assert_true(confidence_of(m, "the wait for the interpreter lock is 17 %, close to its limit 15 %") <=
                CONFIDENCE_MEDIUM);
    measurement_free(m);
}

/* Above 1 % loss the verdict says so, above 10 % it is withheld. */
static void loss_is_said_and_then_withholds_the_verdict(void **state)
{
    static const struct {
        uint64_t lost_ns;
        bool said;
        bool verdict;
    } cases[] = {{9 * MS, false, true}, {11 * MS, true, true}, {99 * MS, true, true}, {101 * MS, false, false}};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct measurement *m = case_serial_cpu(RUNTIME_NATIVE, 1000 * MS);
        struct advice *a;

        m->threads[0].unattributed_ns = cases[i].lost_ns;
        m->threads[0].on_cpu_ns -= cases[i].lost_ns;
        m->threads[0].slices[0].on_cpu_ns -= cases[i].lost_ns;
        measurement_sum_threads(m);
        a = build_advice(m);
        assert_int_equal(a->recommendation.model != MODEL_NONE, cases[i].verdict);
        assert_int_equal(a->recommendation.confidence != CONFIDENCE_NONE, cases[i].verdict);
        assert_int_equal(
            mentions(a->recommendation.confidence_reasons, a->recommendation.n_confidence_reasons, "unexplained"),
            cases[i].said);
        advice_free(a);
        measurement_free(m);
    }
}

/* No share of time lacks lost slices, so there is a verdict; but it is the less sure, the more of them are missing. */
static void lost_slices_are_said(void **state)
{
    static const struct {
        uint64_t lost_in_10000;
        enum confidence most;
        bool said;
    } cases[] = {{99, CONFIDENCE_HIGH, false}, {101, CONFIDENCE_MEDIUM, true}, {1001, CONFIDENCE_LOW, true}};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct measurement *m = replayed(0.99);
        uint64_t kept = 0;
        struct advice *a;

        for (size_t k = 0; k < m->n_threads; k++)
            kept += m->threads[k].n_slices;
        m->loss.decimation = 1000; /* so that a share of them is a whole number */
        m->loss.slices_dropped = kept * 1000 * cases[i].lost_in_10000 / (10000 - cases[i].lost_in_10000);
        a = build_advice(m);
        assert_int_not_equal(a->recommendation.model, MODEL_NONE);
        assert_true(a->recommendation.confidence <= cases[i].most);
        assert_int_equal(
            mentions(a->recommendation.confidence_reasons, a->recommendation.n_confidence_reasons, "slices"),
            cases[i].said);
        advice_free(a);
        measurement_free(m);
    }
}

static void less_is_known_without_privileges_and_without_the_lock(void **state)
{
    struct measurement *m = replayed(0.99);

    (void)state;
    (void)strcpy(m->probe, "procfs");
    assert_int_equal(confidence_of(m, "without privileges"), CONFIDENCE_MEDIUM);
    assert_true(says_not_seen(m, "who ended a wait"));
    (void)strcpy(m->probe, "bpf");
    assert_false(says_not_seen(m, "who ended a wait"));
    (void)strcpy(m->probe, "procfs");
    m->target.runtime.interpreter_lock = INTERPRETER_LOCK_UNKNOWN;
    assert_int_equal(confidence_of(m, "interpreter lock"), CONFIDENCE_LOW);
    measurement_free(m);
}

static void a_small_gain_is_no_certainty(void **state)
{
    struct measurement *m = case_serial_cpu(RUNTIME_CPYTHON, 200 * MS);

    (void)state;
    assert_int_equal(confidence_of(m, "could be saved"), CONFIDENCE_MEDIUM);
    measurement_free(m);
}

/* Native loops around poll() are not followed: their waits are not known. */
static void loops_around_poll_are_doubted(void **state)
{
    static const struct {
        enum runtime_kind runtime;
        uint64_t polls;
        bool doubted;
    } cases[] = {{RUNTIME_NATIVE, 8, true}, {RUNTIME_NATIVE, 7, false}, {RUNTIME_CPYTHON, 8, false}};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct measurement *m = case_serial_cpu(cases[i].runtime, 10000 * MS);
        struct advice *a;

        m->threads[0].poll_count = cases[i].polls;
        a = build_advice(m);
        assert_int_equal(
            mentions(a->recommendation.confidence_reasons, a->recommendation.n_confidence_reasons, "poll()"),
            cases[i].doubted);
        advice_free(a);
        measurement_free(m);
    }
}

static void assumptions_and_blind_spots_are_listed(void **state)
{
    struct measurement *m = replayed(0.99);
    struct advice *a;

    (void)state;
    m->loss.decimation = 4;
    a = build_advice(m);
    assert_true(mentions(a->recommendation.assumptions, a->recommendation.n_assumptions, "independent"));
    assert_true(mentions(a->recommendation.assumptions, a->recommendation.n_assumptions, "not sampled"));
    assert_true(mentions(a->recommendation.not_seen, a->recommendation.n_not_seen, "anything after 4"));
    assert_true(mentions(a->recommendation.not_seen, a->recommendation.n_not_seen, "3 of every 4 slices"));
    advice_free(a);
    measurement_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_faithful_clear_replay_is_trusted),
        cmocka_unit_test(fidelity_has_two_limits),
        cmocka_unit_test(a_replay_that_contradicts_the_simulation_is_named),
        cmocka_unit_test(a_rival_that_comes_close_is_named),
        cmocka_unit_test(items_that_hand_on_to_each_other_are_doubted),
        cmocka_unit_test(a_forecast_alone_is_medium_at_best),
        cmocka_unit_test(a_value_next_to_its_limit_is_said),
        cmocka_unit_test(lost_slices_are_said),
        cmocka_unit_test(loss_is_said_and_then_withholds_the_verdict),
        cmocka_unit_test(less_is_known_without_privileges_and_without_the_lock),
        cmocka_unit_test(a_small_gain_is_no_certainty),
        cmocka_unit_test(loops_around_poll_are_doubted),
        cmocka_unit_test(assumptions_and_blind_spots_are_listed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
