/* SPDX-License-Identifier: BSD-2-Clause */

/* What the analyzer says: recommendation, decision, evidence. */

#include "report/json_out.h"

#include "report/buffer.h"
#include "report/sketch.h"
#include "report/verdict.h"

static json_t *reason_string(const struct recommendation *r)
{
    AUTO_BUFFER b = {0};

    verdict_reason(&b, r);
    return b.error ? NULL : json_stringn(buffer_text(&b), b.length);
}

/* What keeps a number of workers from being larger; null where there is no number. */
static json_t *bound_or_null(uint32_t workers, enum worker_bound bound)
{
    return workers > 0 ? json_string(worker_bound_to_str(bound)) : json_null();
}

static json_t *code_string(const struct buffer *b)
{
    return json_stringn(buffer_text(b), b->length);
}

static json_t *sketch_object(struct json_out *o, const struct sketch *sketch)
{
    AUTO_SKETCH text = {0};
    json_t *out = json_object();

    o->failed |= sketch_text_fill(sketch, &text) < 0;
    out_set(o, out, "id", json_string(sketch_id_to_str(sketch->id)));
    out_set(o, out, "finding", sketch->finding ? json_sprintf("CA%04d", sketch->finding) : json_null());
    out_set(o, out, "title", json_string(text.title ? text.title : ""));
    out_set(o, out, "function", out_text(sketch->function));
    out_set(o, out, "coroutine", out_text(sketch->coroutine));
    out_set(o, out, "file", out_text(sketch->file));
    out_set(o, out, "line", out_number_or_null(sketch->line));
    out_set(o, out, "imports", code_string(&text.imports));
    out_set(o, out, "before", code_string(&text.before));
    out_set(o, out, "after", code_string(&text.after));
    out_set(o, out, "note", code_string(&text.note));
    return out;
}

static json_t *sketches_array(struct json_out *o, const struct recommendation *r)
{
    json_t *out = json_array();

    for (size_t i = 0; i < r->n_sketches; i++)
        out_push(o, out, sketch_object(o, &r->sketches[i]));
    return out;
}

json_t *json_recommendation(struct json_out *o, const struct recommendation *r)
{
    json_t *out = json_object();

    out_set(o, out, "model", out_model(r->model));
    out_set(o, out, "change", json_string(change_to_str(r->change)));
    out_set(o, out, "workers", r->workers ? out_number(r->workers) : json_null());
    out_set(o, out, "workers_bound", bound_or_null(r->workers, r->bound));
    out_set(o, out, "construct", out_text(r->construct));
    out_set(o, out, "expected_speedup", out_real(r->expected_speedup));
    out_set(o, out, "interval", out_pair(o, out_real(r->interval[0]), out_real(r->interval[1])));
    out_set(o, out, "now_ns", out_number(r->now_ns));
    out_set(o, out, "expected_ns", out_number(r->expected_ns));
    out_set(o, out, "replayed", json_boolean(r->replayed));
    out_set(o, out, "confidence", json_string(confidence_to_str(r->confidence)));
    out_set(o, out, "confidence_reasons", out_strings(o, r->confidence_reasons, r->n_confidence_reasons));
    out_set(o, out, "why_id", out_text(r->why_id));
    out_set(o, out, "why", reason_string(r));
    out_set(o, out, "assumptions", out_strings(o, r->assumptions, r->n_assumptions));
    out_set(o, out, "flips_if", out_strings(o, r->flips_if, r->n_flips_if));
    out_set(o, out, "not_seen", out_strings(o, r->not_seen, r->n_not_seen));
    out_set(o, out, "actions", out_strings(o, r->actions, r->n_actions));
    out_set(o, out, "sketches", sketches_array(o, r));
    return out;
}

json_t *json_decision(struct json_out *o, const struct advice *a)
{
    json_t *path = json_array();
    json_t *out = json_object();

    for (size_t i = 0; i < a->n_path; i++) {
        const struct decision_step *step = &a->path[i];
        json_t *item = json_object();

        out_set(o, item, "id", out_text(step->id));
        out_set(o, item, "question", out_text(step->question));
        out_set(o, item, "metric", out_text(step->metric));
        out_set(o, item, "value", out_real(step->value));
        out_set(o, item, "unit", out_text(step->unit));
        out_set(o, item, "comparison", out_text(step->comparison));
        out_set(o, item, "limit", out_real(step->limit));
        out_set(o, item, "reason", out_text(step->reason));
        out_set(o, item, "answer", json_boolean(step->answer));
        out_push(o, path, item);
    }
    out_set(o, out, "path", path);
    return out;
}

static json_t *scaling_array(struct json_out *o, const struct model_evidence *row)
{
    json_t *out = json_array();

    for (size_t i = 0; i < row->n_scaling; i++) {
        json_t *point = json_object();

        out_set(o, point, "workers", out_number(row->scaling[i].workers));
        out_set(o, point, "speedup", out_real(row->scaling[i].speedup));
        out_push(o, out, point);
    }
    return out;
}

static json_t *model_object(struct json_out *o, const struct model_evidence *row)
{
    json_t *out = json_object();

    out_set(o, out, "model", json_string(model_to_str(row->model)));
    out_set(o, out, "workers", out_number(row->workers));
    out_set(o, out, "workers_bound", bound_or_null(row->workers, row->bound));
    out_set(o, out, "in_flight", row->in_flight ? out_number(row->in_flight) : json_null());
    out_set(o, out, "current", json_boolean(row->current));
    out_set(o, out, "median_ns", out_number(row->median_ns));
    out_set(o, out, "interval_ns", out_pair(o, out_number(row->interval_ns[0]), out_number(row->interval_ns[1])));
    out_set(o, out, "speedup", out_real(row->speedup));
    out_set(o, out, "speedup_interval",
            out_pair(o, out_real(row->speedup_interval[0]), out_real(row->speedup_interval[1])));
    out_set(o, out, "cores", out_real(row->cores));
    out_set(o, out, "peak_rss_bytes", row->peak_rss_bytes ? out_number(row->peak_rss_bytes) : json_null());
    out_set(o, out, "worker_bytes", row->worker_bytes ? out_number(row->worker_bytes) : json_null());
    out_set(o, out, "source", json_string(evidence_source_to_str(row->source)));
    out_set(o, out, "forecast_ns", row->forecast_ns ? out_number(row->forecast_ns) : json_null());
    out_set(o, out, "replay_ns", row->replay_ns ? out_number(row->replay_ns) : json_null());
    out_set(o, out, "agreement", row->agreement > 0.0 ? out_real(row->agreement) : json_null());
    out_set(o, out, "disagreement", json_boolean(row->disagreement));
    out_set(o, out, "runs", out_number(row->runs));
    out_set(o, out, "scaling", scaling_array(o, row));
    out_set(o, out, "assumptions", out_strings(o, row->assumptions, row->n_assumptions));
    return out;
}

/* The current model without its flaws: what change "fix" is expected to give. */
static json_t *mended_object(struct json_out *o, const struct evidence *e)
{
    json_t *out;

    if (e->mended_speedup <= 0.0)
        return json_null();
    out = json_object();
    out_set(o, out, "workers", e->mended_workers ? out_number(e->mended_workers) : json_null());
    out_set(o, out, "workers_bound", bound_or_null(e->mended_workers, e->mended_bound));
    out_set(o, out, "in_flight", e->mended_in_flight ? out_number(e->mended_in_flight) : json_null());
    out_set(o, out, "speedup", out_real(e->mended_speedup));
    out_set(o, out, "speedup_interval", out_pair(o, out_real(e->mended_interval[0]), out_real(e->mended_interval[1])));
    out_set(o, out, "source", json_string(evidence_source_to_str(e->mended_source)));
    return out;
}

static json_t *dependence_object(struct json_out *o, const struct item_dependence *d)
{
    json_t *out = json_object();

    out_set(o, out, "items", out_number(d->items));
    out_set(o, out, "hand_offs", out_number(d->hand_offs));
    out_set(o, out, "lock_waits", out_number(d->lock_waits));
    out_set(o, out, "passed_on", out_number(d->passed_on));
    out_set(o, out, "locked_share", out_real(d->locked_share));
    return out;
}

json_t *json_evidence(struct json_out *o, const struct evidence *e)
{
    json_t *models = json_array();
    json_t *ties = json_array();
    json_t *out = json_object();

    for (int i = 0; i < MODEL_COUNT; i++)
        if (e->models[i].available)
            out_push(o, models, model_object(o, &e->models[i]));
    for (size_t i = 0; i < e->n_ties && i < MODEL_COUNT; i++)
        out_push(o, ties, json_string(model_to_str(e->ties[i])));
    out_set(o, out, "runs", out_number(e->runs));
    out_set(o, out, "fidelity", e->replayed_now_ns ? out_real(e->fidelity) : json_null());
    out_set(o, out, "forecast_fidelity", e->forecast_now_ns ? out_real(e->forecast_fidelity) : json_null());
    out_set(o, out, "cpus", out_number(e->cpus));
    out_set(o, out, "dependence", dependence_object(o, &e->dependence));
    out_set(o, out, "replays_distrusted", json_boolean(e->replays_distrusted));
    out_set(o, out, "waits_unknown", json_boolean(e->waits_unknown));
    out_set(o, out, "tasks_held_up", json_boolean(e->tasks_held_up));
    out_set(o, out, "forecast_now_ns", e->forecast_now_ns ? out_number(e->forecast_now_ns) : json_null());
    out_set(o, out, "replayed_now_ns", e->replayed_now_ns ? out_number(e->replayed_now_ns) : json_null());
    out_set(o, out, "models", models);
    out_set(o, out, "ties", ties);
    out_set(o, out, "mended", mended_object(o, e));
    out_set(o, out, "disagrees", json_boolean(e->disagrees));
    return out;
}
