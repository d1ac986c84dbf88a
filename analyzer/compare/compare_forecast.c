/* SPDX-License-Identifier: BSD-2-Clause */
/* What BEFORE's report expected of AFTER's model, against what AFTER took. */
#include "analyzer/compare/compare_parts.h"

#include <math.h>

#include "base/base.h"

static enum compare_forecast_kind kind_of(const struct advice *before, const struct advice *after)
{
    const struct recommendation *r = &before->recommendation;

    if (r->model == MODEL_NONE)
        return COMPARE_FORECAST_NONE;
    if (after->current_model == MODEL_NONE)
        return COMPARE_FORECAST_NO_ROW;
    if (after->current_model == r->model && r->change == CHANGE_KEEP)
        return COMPARE_FORECAST_KEEP;
    if (after->current_model == r->model)
        return r->expected_ns > 0 ? COMPARE_FORECAST_RECOMMENDED : COMPARE_FORECAST_NONE;
    /* Its row in BEFORE's evidence is BEFORE itself: nothing was forecast. */
    if (after->current_model == before->current_model)
        return COMPARE_FORECAST_NOT_FOLLOWED;
    if (!before->evidence.models[after->current_model].available ||
        before->evidence.models[after->current_model].median_ns == 0)
        return COMPARE_FORECAST_NO_ROW;
    return COMPARE_FORECAST_OTHER_MODEL;
}

/* A speed-up that is none would make a time beyond all numbers. */
#define LEAST_SPEEDUP 1e-6

/* The interval of a recommendation is one of the speed-up. */
static void take_recommendation(const struct recommendation *r, struct compare_forecast *f)
{
    f->workers = r->workers;
    f->replayed = r->replayed;
    f->expected_ns = r->expected_ns;
    f->interval_known = r->now_ns > 0 && r->interval[0] > LEAST_SPEEDUP && r->interval[1] > r->interval[0];
    if (f->interval_known) {
        f->interval_ns[0] = (uint64_t)llround((double)r->now_ns / r->interval[1]);
        f->interval_ns[1] = (uint64_t)llround((double)r->now_ns / r->interval[0]);
    }
}

static void take_row(const struct model_evidence *row, struct compare_forecast *f)
{
    f->workers = row->workers;
    f->replayed = row->source == SOURCE_REPLAY;
    f->expected_ns = row->median_ns;
    f->interval_known = row->interval_ns[1] > row->interval_ns[0];
    if (f->interval_known) {
        f->interval_ns[0] = row->interval_ns[0];
        f->interval_ns[1] = row->interval_ns[1];
    }
}

/* Of another number of workers than the row's best the scaling curve may know: a simulation, without an interval. */
static void take_scaling(const struct model_evidence *row, uint64_t now_ns, struct compare_forecast *f)
{
    for (size_t i = 0; i < row->n_scaling; i++) {
        const struct scaling_point *point = &row->scaling[i];

        if (point->workers != f->measured_workers || point->speedup <= LEAST_SPEEDUP || now_ns == 0)
            continue;
        f->workers = point->workers;
        f->replayed = f->interval_known = false;
        f->interval_ns[0] = f->interval_ns[1] = 0;
        f->expected_ns = (uint64_t)llround((double)now_ns / point->speedup);
        return;
    }
}

/* What counts as a worker of an event loop differs between forecast (in flight) and run (loops). */
static bool workers_differ(const struct compare_forecast *f)
{
    return f->workers > 0 && f->measured_workers > 0 && f->workers != f->measured_workers &&
           (f->model == MODEL_THREADS || f->model == MODEL_PROCESSES);
}

void compare_forecast_fill(const struct compare_side sides[COMPARE_SIDES], struct comparison *c)
{
    const struct advice *before = sides[COMPARE_BEFORE].a, *after = sides[COMPARE_AFTER].a;
    struct compare_forecast *f = &c->forecast;

    *f = (struct compare_forecast){.kind = compare_attached(sides) ? COMPARE_FORECAST_ATTACHED : kind_of(before, after),
                                   .model = after->current_model};
    if (f->kind == COMPARE_FORECAST_RECOMMENDED)
        take_recommendation(&before->recommendation, f);
    else if (f->kind == COMPARE_FORECAST_OTHER_MODEL)
        take_row(&before->evidence.models[after->current_model], f);
    else
        return;
    f->measured_workers = after->current_workers;
    if (workers_differ(f) && before->recommendation.change != CHANGE_FIX)
        take_scaling(&before->evidence.models[after->current_model], sides[COMPARE_BEFORE].m->wall_ns, f);
    f->other_workers = workers_differ(f);
    f->measured_ns = c->wall.median_ns[COMPARE_AFTER];
    f->error = ((double)f->expected_ns - (double)f->measured_ns) / (double)f->measured_ns;
    f->inside = f->interval_known && !f->other_workers && f->measured_ns >= f->interval_ns[0] &&
                f->measured_ns <= f->interval_ns[1];
}
