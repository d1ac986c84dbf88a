/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include "analyzer/evidence.h"
#include "cases.h"

static struct advice *evidence_of(const struct measurement *m, enum model current, uint32_t workers)
{
    struct advice *a = advice_new();

    assert_int_equal(evidence_fill(m, current, workers, 0, &a->evidence), 0);
    return a;
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

static void replays_replace_forecasts_and_tell_their_fidelity(void **state)
{
    struct measurement *m = case_gil_threads(4, 500 * MS, 1500 * MS);
    struct advice *a;
    const struct model_evidence *row;

    (void)state;
    build_replay(m, MODEL_THREADS, 4, 10, m->wall_ns / 10 * 9, true);
    build_replay(m, MODEL_PROCESSES, 4, 9, m->wall_ns / 10 * 3, false);
    build_replay(m, MODEL_PROCESSES, 2, 9, m->wall_ns / 10 * 5, false);
    a = evidence_of(m, MODEL_THREADS, 4);
    row = &a->evidence.models[MODEL_PROCESSES];
    assert_int_equal(a->evidence.runs, 9);
    assert_true(fabs(a->evidence.fidelity - 0.9) < 0.01);
    assert_int_equal(row->source, SOURCE_REPLAY);
    assert_int_equal(row->workers, 4);
    assert_true(fabs(row->speedup - 3.0) < 0.05);
    assert_true(row->speedup_interval[0] <= row->speedup && row->speedup <= row->speedup_interval[1]);
    assert_true(row->interval_ns[0] <= row->median_ns && row->median_ns <= row->interval_ns[1]);
    assert_true(row->forecast_ns > 0);
    assert_int_equal(a->evidence.models[MODEL_THREADS].source, SOURCE_REPLAY);
    assert_true(fabs(a->evidence.models[MODEL_THREADS].speedup - 1.0) < 1e-9);
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
    struct advice *four = evidence_of(m, MODEL_THREADS, 8), *eight = advice_new();

    (void)state;
    assert_int_equal(evidence_fill(m, MODEL_THREADS, 8, 8, &eight->evidence), 0);
    assert_true(eight->evidence.models[MODEL_PROCESSES].speedup > 1.3 * four->evidence.models[MODEL_PROCESSES].speedup);
    advice_free(four);
    advice_free(eight);
    measurement_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_replays_the_forecast_speaks),
        cmocka_unit_test(replays_replace_forecasts_and_tell_their_fidelity),
        cmocka_unit_test(nothing_to_rearrange_leaves_what_was_measured),
        cmocka_unit_test(more_cpus_can_be_asked_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
