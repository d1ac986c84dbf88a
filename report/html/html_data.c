/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/html/html_data.h"

#include "base/base.h"
#include "base/utf8.h"
#include "report/html/timeline_rows.h"
#include "report/json_out.h"
#include "report/wording.h"

/* Frames of a place that a flame graph shows. */
#define MOST_FRAMES 64

/* Bytes of a name. */
#define MOST_NAME 200

static json_t *states(struct json_out *o, enum runtime_kind runtime)
{
    json_t *out = json_array();

    out_push(o, out, json_string("on-CPU"));
    out_push(o, out, json_string("run queue"));
    for (int cause = 0; cause < CAUSE_COUNT; cause++)
        out_push(o, out, json_string(wording_cause((enum cause)cause, runtime)));
    return out;
}

/* Lengths and states one after the other: half the brackets. */
static json_t *spans(struct json_out *o, const struct timeline_row *row)
{
    json_t *out = json_array();

    for (size_t i = 0; i < row->n_spans; i++) {
        out_push(o, out, out_number(row->spans[i].length));
        out_push(o, out, out_number(row->spans[i].state));
    }
    return out;
}

static json_t *timeline_row(struct json_out *o, const struct timeline_rows *t, const struct timeline_row *row)
{
    const struct thread *thread = row->thread;
    json_t *out = json_object();

    out_set(o, out, "name", OUT_FIELD(thread->name));
    out_set(o, out, "pid", json_integer(thread->pid));
    out_set(o, out, "tid", json_integer(thread->tid));
    out_set(o, out, "birth", out_number(thread->birth_ns / t->unit_ns));
    out_set(o, out, "death", out_number(thread->death_ns / t->unit_ns));
    out_set(o, out, "cpu", out_number(thread->on_cpu_ns));
    out_set(o, out, "spans", spans(o, row));
    return out;
}

static json_t *arrows(struct json_out *o, const struct timeline_rows *t)
{
    json_t *out = json_array();

    for (size_t i = 0; i < t->n_arrows; i++) {
        out_push(o, out, out_number(t->arrows[i].from));
        out_push(o, out, out_number(t->arrows[i].from_at));
        out_push(o, out, out_number(t->arrows[i].to));
        out_push(o, out, out_number(t->arrows[i].to_at));
    }
    return out;
}

static json_t *holders(struct json_out *o, const struct timeline_rows *t)
{
    json_t *out = json_array();

    for (size_t i = 0; i < t->n_holders; i++) {
        out_push(o, out, out_number(t->holders[i].at));
        out_push(o, out, out_number(t->holders[i].row));
    }
    return out;
}

static json_t *timeline(struct json_out *o, const struct measurement *m)
{
    CLEANUP(timeline_rows_clear) struct timeline_rows t = {0};
    json_t *out = json_object(), *rows = json_array();

    if (timeline_rows_make(m, &t) < 0)
        o->failed = true;
    for (size_t i = 0; i < t.n_rows; i++)
        out_push(o, rows, timeline_row(o, &t, &t.rows[i]));
    out_set(o, out, "unit_ns", out_number(t.unit_ns));
    out_set(o, out, "resolution_ns", out_number(t.resolution_ns));
    out_set(o, out, "omitted", out_number(t.omitted));
    out_set(o, out, "decimation", out_number(m->loss.decimation));
    out_set(o, out, "arrows_left_out", out_number(t.arrows_left_out));
    out_set(o, out, "rows", rows);
    out_set(o, out, "arrows", arrows(o, &t));
    out_set(o, out, "holders", holders(o, &t));
    out_set(o, out, "holders_pid", json_integer(t.holders_pid));
    out_set(o, out, "lock", json_string(wording_interpreter_lock(m->target.runtime.kind)));
    return out;
}

/* Frames are told apart by function, file and line; each stands once in a table. */
struct frame_table {
    const struct frame **sorted; /* by advice_compare_frames(), one of each */
    size_t n;
};

static int compare_frames(const void *a, const void *b)
{
    return advice_compare_frames(*(const struct frame *const *)a, *(const struct frame *const *)b);
}

static size_t shown_frames(const struct site *site)
{
    return site->n_frames < MOST_FRAMES ? site->n_frames : MOST_FRAMES;
}

static int make_table(const struct measurement *m, size_t n_sites, struct frame_table *table)
{
    size_t n = 0, all = 0;

    for (size_t i = 0; i < n_sites; i++)
        all += shown_frames(&m->sites[i]);
    table->sorted = calloc(all + 1, sizeof(*table->sorted));
    if (!table->sorted)
        return -ENOMEM;
    for (size_t i = 0; i < n_sites; i++)
        for (size_t k = 0; k < shown_frames(&m->sites[i]); k++)
            table->sorted[n++] = &m->sites[i].frames[k];
    qsort(table->sorted, n, sizeof(*table->sorted), compare_frames);
    for (size_t i = 0; i < n; i++)
        if (table->n == 0 || advice_compare_frames(table->sorted[table->n - 1], table->sorted[i]) != 0)
            table->sorted[table->n++] = table->sorted[i];
    return 0;
}

static json_t *out_cut(const char *raw)
{
    return raw ? out_bytes(raw, utf8_cut(raw, MOST_NAME)) : json_null();
}

static json_t *frame_names(struct json_out *o, const struct frame_table *table)
{
    json_t *out = json_array();

    for (size_t i = 0; i < table->n; i++) {
        const struct frame *frame = table->sorted[i];
        const char *file = frame->file ? frame->file : frame->module;
        json_t *row = json_array();

        out_push(o, row, out_cut(frame->function));
        out_push(o, row, out_cut(file ? base_last_part(file) : NULL));
        out_push(o, row, out_number(frame->line));
        out_push(o, out, row);
    }
    return out;
}

static json_t *site_row(struct json_out *o, const struct frame_table *table, const struct site *site)
{
    json_t *out = json_object(), *stack = json_array();

    for (size_t i = shown_frames(site); i-- > 0;) {
        const struct frame *frame = &site->frames[i];
        const struct frame **found = bsearch(&frame, table->sorted, table->n, sizeof(*table->sorted), compare_frames);

        out_push(o, stack, out_number(found ? (uint64_t)(found - table->sorted) : 0));
    }
    out_set(o, out, "state", out_number(site->on_cpu ? TIMELINE_ON_CPU : TIMELINE_BLOCKED + (uint64_t)site->cause));
    out_set(o, out, "pid", json_integer(site->pid));
    out_set(o, out, "tid", json_integer(site->tid));
    out_set(o, out, "ns", out_number(site->time_ns));
    out_set(o, out, "count", out_number(site->count));
    out_set(o, out, "stack", stack);
    return out;
}

static json_t *flame(struct json_out *o, const struct measurement *m, size_t most_sites)
{
    size_t n = m->n_sites < most_sites ? m->n_sites : most_sites;
    struct frame_table table = {0};
    json_t *out = json_object(), *sites = json_array();

    if (make_table(m, n, &table) < 0) {
        o->failed = true;
        n = 0;
    }
    for (size_t i = 0; i < n; i++)
        out_push(o, sites, site_row(o, &table, &m->sites[i]));
    out_set(o, out, "frames", frame_names(o, &table));
    out_set(o, out, "sites", sites);
    out_set(o, out, "left_out", out_number(m->n_sites - n));
    free(table.sorted);
    return out;
}

int html_data(const struct measurement *m, size_t most_sites, char **ret_text, size_t *ret_n)
{
    struct json_out o = {0};
    json_t *root = json_object();
    char *text = NULL;

    out_set(&o, root, "wall_ns", out_number(m->wall_ns));
    out_set(&o, root, "states", states(&o, m->target.runtime.kind));
    out_set(&o, root, "timeline", timeline(&o, m));
    out_set(&o, root, "flame", flame(&o, m, most_sites));
    if (root && !o.failed)
        text = json_dumps(root, JSON_COMPACT);
    json_decref(root);
    if (!text)
        return -ENOMEM;
    *ret_text = text;
    *ret_n = strlen(text);
    return 0;
}
