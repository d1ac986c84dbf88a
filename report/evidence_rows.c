/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/evidence_rows.h"

#include "base/base.h"

static bool has_numbers(const struct model_evidence *row)
{
    return row->available && row->median_ns > 0;
}

static struct evidence_row row_of(const struct model_evidence *model, bool recommended)
{
    struct evidence_row row = {
        .workers = model->workers,
        .median_ns = model->median_ns,
        .interval_ns = {model->interval_ns[0], model->interval_ns[1]},
        .speedup = model->speedup,
        .cores = model->cores,
        .agreement = model->agreement,
        .disagreement = model->disagreement,
        .rss_bytes = model->peak_rss_bytes,
        .source = model->source,
        .recommended = recommended,
    };

    (void)snprintf(row.name, sizeof(row.name), "%s%s", model_to_str(model->model), model->current ? " (now)" : "");
    return row;
}

/* What is advised is not the model as it is now, but the same one without its flaw. */
static bool advises_mended(const struct advice *a)
{
    return a->recommendation.model >= 0 && a->recommendation.change == CHANGE_FIX && a->evidence.mended_speedup > 0.0;
}

static struct evidence_row mended_row(const struct advice *a)
{
    const struct recommendation *r = &a->recommendation;
    struct evidence_row row = {
        .workers = a->evidence.mended_workers,
        .median_ns = (uint64_t)((double)r->now_ns / a->evidence.mended_speedup),
        /* What it is expected to take, by the interval of its speed-up. */
        .interval_ns = {(uint64_t)((double)r->now_ns / a->evidence.mended_interval[1]),
                        (uint64_t)((double)r->now_ns / a->evidence.mended_interval[0])},
        .speedup = a->evidence.mended_speedup,
        .source = a->evidence.mended_source,
        .recommended = true,
    };

    (void)snprintf(row.name, sizeof(row.name), "%s (mended)", model_to_str(r->model));
    return row;
}

size_t evidence_rows(const struct advice *a, struct evidence_row ret_rows[EVIDENCE_ROWS_MAX])
{
    bool done[MODEL_COUNT] = {false};
    int first = advises_mended(a) ? MODEL_NONE : (int)a->recommendation.model;
    size_t n = 0;

    if (advises_mended(a))
        ret_rows[n++] = mended_row(a);
    for (size_t round = 0; round < MODEL_COUNT; round++) {
        const struct model_evidence *next = NULL;

        for (int i = 0; i < MODEL_COUNT; i++) {
            const struct model_evidence *row = &a->evidence.models[i];

            if (done[i] || !has_numbers(row))
                continue;
            if (!next || (int)row->model == first || ((int)next->model != first && row->median_ns < next->median_ns))
                next = row;
        }
        if (!next)
            break;
        done[next - a->evidence.models] = true;
        ret_rows[n++] = row_of(next, (int)next->model == first);
    }
    return n;
}

/* Why the recommended model of several that tie. Models are numbered from the simplest. */
const char *evidence_rows_tie_breaker(const struct advice *a)
{
    const struct evidence *e = &a->evidence;
    const struct recommendation *r = &a->recommendation;

    if (r->change != CHANGE_SWITCH)
        return "; that is no reason to change";
    for (size_t i = 0; i < e->n_ties && i < MODEL_COUNT; i++) {
        if (e->ties[i] >= r->model)
            continue;
        if (r->model == MODEL_PROCESSES_COROUTINES && a->current_model == MODEL_COROUTINES)
            return "; the event loop is there already";
        return r->model == MODEL_COROUTINES || r->model == MODEL_PROCESSES_COROUTINES
                   ? "; event loops take less memory and fewer context switches than as many workers"
                   : "; the reasons under PATH decide";
    }
    return "; the simpler one is recommended";
}
