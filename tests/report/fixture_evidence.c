/* SPDX-License-Identifier: BSD-2-Clause */
#include "fixture_evidence.h"

#include <assert.h>

#include "base/base.h"

#define MS(x) ((uint64_t)(x)*NSEC_PER_MSEC)

static struct model_evidence *model_row(struct advice *a, enum model model, uint32_t workers, uint64_t median_ns,
                                        double speedup, enum evidence_source source)
{
    struct model_evidence *row = &a->evidence.models[model];

    *row = (struct model_evidence){
        .model = model,
        .workers = workers,
        .available = true,
        .median_ns = median_ns,
        .interval_ns = {median_ns - MS(120), median_ns + MS(170)},
        .speedup = speedup,
        .speedup_interval = {speedup - 0.1, speedup + 0.1},
        .cores = speedup + 0.2,
        .source = source,
        .scatter = {speedup - 0.05, speedup + 0.05},
        .forecast_ns = median_ns + MS(100),
        .replay_ns = source == SOURCE_REPLAY ? median_ns - MS(10) : 0,
        .runs = source == SOURCE_REPLAY ? 10 : 0,
    };
    if (source == SOURCE_FORECAST)
        row->interval_ns[0] = row->interval_ns[1] = median_ns;
    else
        row->agreement = (double)row->replay_ns / (double)row->forecast_ns;
    return row;
}

/* A curve that flattens at `limit`. */
static void curve(struct model_evidence *row, double limit)
{
    static const uint32_t workers[] = {1, 2, 3, 4, 6, 8};

    row->scaling = calloc(ARRAY_SIZE(workers), sizeof(*row->scaling));
    assert(row->scaling);
    row->n_scaling = ARRAY_SIZE(workers);
    for (size_t i = 0; i < ARRAY_SIZE(workers); i++)
        row->scaling[i] = (struct scaling_point){workers[i], 0.9 * workers[i] < limit ? 0.9 * workers[i] : limit};
}

void fixture_evidence(struct advice *a)
{
    struct model_evidence *row;

    a->evidence.runs = 10;
    a->evidence.fidelity = 0.998;
    a->evidence.replayed_now_ns = MS(12380);
    a->evidence.forecast_now_ns = MS(12900);
    a->evidence.forecast_fidelity = 0.961;
    a->evidence.cpus = 4;
    a->evidence.dependence = (struct item_dependence){240, 12, 3, 0, 0.05};
    row = model_row(a, MODEL_PROCESSES, 4, MS(3640), 3.4, SOURCE_REPLAY);
    row->peak_rss_bytes = 96ull << 20;
    row->worker_bytes = 24ull << 20;
    row->bound = BOUND_CPU_QUOTA;
    row->disagreement = true;
    curve(row, 3.4);
    row = model_row(a, MODEL_THREADS, 8, MS(12410), 1.0, SOURCE_MEASURED);
    row->current = true;
    row->interval_ns[0] = row->interval_ns[1] = row->median_ns;
    curve(row, 1.0);
    model_row(a, MODEL_SERIAL, 1, MS(12100), 1.02, SOURCE_REPLAY);
    row = model_row(a, MODEL_PROCESSES_COROUTINES, 4, MS(3700), 3.3, SOURCE_FORECAST);
    row->agreement = 0.0;
    row->replay_ns = 0;
    row->assumptions = calloc(1, sizeof(*row->assumptions));
    assert(row->assumptions);
    row->assumptions[0] = strdup("an async twin of requests exists");
    assert(row->assumptions[0]);
    row->n_assumptions = 1;
    a->evidence.ties[a->evidence.n_ties++] = MODEL_PROCESSES_COROUTINES;
    a->evidence.disagrees = true;
}
