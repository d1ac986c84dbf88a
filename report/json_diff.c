/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/json_diff.h"

#include "analyzer/compare/compare.h"
#include "analyzer/findings/findings.h"
#include "base/base.h"
#include "report/json.h"
#include "report/json_out.h"
#include "report/report.h"
#include "report/wording.h"

static json_t *number_pair(struct json_out *o, const uint64_t pair[2])
{
    return out_pair(o, out_number(pair[0]), out_number(pair[1]));
}

static json_t *model_object(struct json_out *o, enum model model, uint32_t workers)
{
    json_t *out = json_object();

    out_set(o, out, "model", out_model(model));
    out_set(o, out, "workers", workers ? out_number(workers) : json_null());
    return out;
}

static json_t *side_object(struct json_out *o, const struct report_diff *diff, int side)
{
    const struct measurement *m = diff->sides[side].m;
    const struct advice *a = diff->sides[side].a;
    const struct comparison *c = diff->comparison;
    bool status = m->target.exited && m->target.signal == 0 && !m->target.attached;
    json_t *recommendation = model_object(o, a->recommendation.model, a->recommendation.workers);
    json_t *out = json_object();

    out_set(o, recommendation, "change", json_string(change_to_str(a->recommendation.change)));
    out_set(o, out, "file", out_text(diff->names[side]));
    out_set(o, out, "tool_version", OUT_FIELD(m->tool_version));
    out_set(o, out, "argv", out_strings(o, m->target.argv, m->target.n_argv));
    out_set(o, out, "exit_status", status ? json_integer(m->target.exit_status) : json_null());
    out_set(o, out, "signal", m->target.signal ? json_integer(m->target.signal) : json_null());
    out_set(o, out, "attached", json_boolean(m->target.attached));
    out_set(o, out, "runs", out_number(c->wall.runs[side]));
    out_set(o, out, "wall_ns", out_number(c->wall.median_ns[side]));
    out_set(o, out, "range_ns", number_pair(o, c->wall.range_ns[side]));
    out_set(o, out, "thread_time_ns", out_number(m->thread_time_ns));
    out_set(o, out, "threads", out_number(m->threads_total));
    out_set(o, out, "max_live_threads", out_number(m->max_live_threads));
    out_set(o, out, "processes", out_number(m->processes_total));
    out_set(o, out, "cores", out_real(c->cores[side]));
    out_set(o, out, "peak_cores", out_number_or_null(c->peak[side]));
    out_set(o, out, "current", model_object(o, a->current_model, a->current_workers));
    out_set(o, out, "recommendation", recommendation);
    return out;
}

static json_t *verdict_object(struct json_out *o, const struct compare_wall *wall)
{
    bool ranks = wall->method == COMPARE_BY_RANKS;
    json_t *out = json_object();

    out_set(o, out, "result", json_string(compare_verdict_to_str(wall->verdict)));
    out_set(o, out, "ratio", out_real(wall->ratio));
    out_set(o, out, "method", json_string(compare_method_to_str(wall->method)));
    out_set(o, out, "interval",
            ranks ? out_pair(o, out_real(wall->interval[0]), out_real(wall->interval[1])) : json_null());
    out_set(o, out, "confidence", ranks ? out_real(wall->confidence) : json_null());
    out_set(o, out, "noise_share", ranks ? json_null() : out_real(wall->noise_share));
    out_set(o, out, "small", json_boolean(wall->small));
    out_set(o, out, "disturbed", json_boolean(wall->disturbed));
    return out;
}

static json_t *rows_array(struct json_out *o, const struct comparison *c)
{
    json_t *rows = json_array();

    for (size_t i = 0; i < COMPARE_ROWS; i++) {
        const struct compare_row *row = &c->rows[i];
        json_t *out = json_object();

        out_set(o, out, "bucket", json_string(compare_row_to_str(row)));
        out_set(o, out, "before_ns", out_number(row->time_ns[COMPARE_BEFORE]));
        out_set(o, out, "after_ns", out_number(row->time_ns[COMPARE_AFTER]));
        out_set(o, out, "before_share", out_real(row->share[COMPARE_BEFORE]));
        out_set(o, out, "after_share", out_real(row->share[COMPARE_AFTER]));
        out_set(o, out, "tie", json_boolean(row->tie));
        out_push(o, rows, out);
    }
    return rows;
}

/* One side of a finding; null where it is not there. */
static json_t *finding_side(struct json_out *o, const struct finding *finding)
{
    const struct frame *frame = NULL;
    json_t *out;

    if (!finding)
        return json_null();
    out = json_object();
    if (finding->n_sites > 0)
        frame = advice_near_frame_in(finding->sites[0].frames, finding->sites[0].n_frames);
    out_set(o, out, "severity", json_string(severity_to_str(finding->severity)));
    out_set(o, out, "time_ns", out_number(finding->time_ns));
    out_set(o, out, "detail", out_text(finding->detail));
    out_set(o, out, "function", out_text(frame ? frame->function : NULL));
    out_set(o, out, "file", out_text(frame ? frame->file : NULL));
    out_set(o, out, "line", frame ? out_number_or_null(frame->line) : json_null());
    return out;
}

static json_t *findings_array(struct json_out *o, const struct comparison *c)
{
    json_t *findings = json_array();

    for (size_t i = 0; i < c->n_findings; i++) {
        const struct compare_finding *item = &c->findings[i];
        const struct finding *any = item->after ? item->after : item->before;
        const struct wording_finding *wording = wording_finding(any->id);
        const char *slug = finding_slug(any->id);
        json_t *out = json_object();

        out_set(o, out, "id", json_sprintf("CA%04d", any->id));
        out_set(o, out, "slug", json_string(slug ? slug : "?"));
        out_set(o, out, "title", json_string(wording ? wording->title : "finding"));
        out_set(o, out, "change", json_string(compare_change_to_str(item->change)));
        out_set(o, out, "worse", json_boolean(item->worse));
        out_set(o, out, "before", finding_side(o, item->before));
        out_set(o, out, "after", finding_side(o, item->after));
        out_push(o, findings, out);
    }
    return findings;
}

static json_t *caveats_array(struct json_out *o, uint32_t caveats)
{
    json_t *out = json_array();

    for (int i = 0; i < COMPARE_CAVEATS; i++)
        if (caveats & (1u << i))
            out_push(o, out, json_string(compare_caveat_to_str((enum compare_caveat)i)));
    return out;
}

static json_t *forecast_object(struct json_out *o, const struct compare_forecast *f)
{
    bool numbers = f->kind == COMPARE_FORECAST_RECOMMENDED || f->kind == COMPARE_FORECAST_OTHER_MODEL;
    bool interval = numbers && f->interval_known;
    bool judged = interval && !f->other_workers;
    json_t *out = model_object(o, f->model, f->workers);

    out_set(o, out, "kind", json_string(compare_forecast_to_str(f->kind)));
    out_set(o, out, "measured_workers", f->measured_workers ? out_number(f->measured_workers) : json_null());
    out_set(o, out, "other_workers", json_boolean(f->other_workers));
    out_set(o, out, "source",
            numbers ? json_string(evidence_source_to_str(f->replayed ? SOURCE_REPLAY : SOURCE_FORECAST)) : json_null());
    out_set(o, out, "expected_ns", numbers ? out_number(f->expected_ns) : json_null());
    out_set(o, out, "interval_ns", interval ? number_pair(o, f->interval_ns) : json_null());
    out_set(o, out, "measured_ns", numbers ? out_number(f->measured_ns) : json_null());
    out_set(o, out, "error", numbers ? out_real(f->error) : json_null());
    out_set(o, out, "inside", judged ? json_boolean(f->inside) : json_null());
    return out;
}

int json_diff_write(FILE *out, const struct report_diff *diff)
{
    struct json_out o = {0};
    json_t *root = json_object();
    int r = 0;

    out_set(&o, root, "schema_version", out_number(JSON_SCHEMA_VERSION));
    out_set(&o, root, "kind", json_string("diff"));
    out_set(&o, root, "before", side_object(&o, diff, COMPARE_BEFORE));
    out_set(&o, root, "after", side_object(&o, diff, COMPARE_AFTER));
    out_set(&o, root, "verdict", verdict_object(&o, &diff->comparison->wall));
    out_set(&o, root, "thread_time", rows_array(&o, diff->comparison));
    out_set(&o, root, "findings", findings_array(&o, diff->comparison));
    out_set(&o, root, "caveats", caveats_array(&o, diff->comparison->caveats));
    out_set(&o, root, "forecast", forecast_object(&o, &diff->comparison->forecast));
    if (!root || o.failed)
        r = -ENOMEM;
    else
        r = out_document(root, out);
    json_decref(root);
    return r;
}
