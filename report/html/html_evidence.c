/* SPDX-License-Identifier: BSD-2-Clause */
#include <math.h>

#include "report/escape.h"
#include "report/evidence_rows.h"
#include "report/format.h"
#include "report/html/html_parts.h"
#include "report/wording.h"

/* The chart, in its own units: names at the left, times on an axis from 0. */
#define NAMES 190.0
#define WIDTH 760.0
#define ROW 30.0

struct chart {
    struct html *h;
    double top_ns; /* right end of the axis */
};

static double x_of(const struct chart *c, uint64_t ns)
{
    return NAMES + (WIDTH - NAMES - 20.0) * (double)ns / c->top_ns;
}

/* "threads", "threads (now)": rows begin with their model's name. */
static bool is_row_of(const struct evidence_row *row, enum model model)
{
    size_t n = strlen(model_to_str(model));

    return strncmp(row->name, model_to_str(model), n) == 0 && (row->name[n] == '\0' || row->name[n] == ' ');
}

/* Each run of the replay that the row rests on. */
static void add_dots(const struct chart *c, const struct evidence_row *row, double y)
{
    const struct measurement *m = c->h->m;

    for (size_t i = 0; i < m->n_replays; i++) {
        const struct replay_result *replay = &m->replays[i];

        if (!is_row_of(row, replay->model) || replay->workers != row->workers)
            continue;
        for (size_t k = 0; k < replay->n_runs; k++)
            buffer_format(c->h->b, "<circle class=\"dot\" cx=\"%.1f\" cy=\"%.1f\" r=\"3\"><title>%s</title></circle>",
                          fmin(x_of(c, replay->runs_ns[k]), WIDTH - 4.0), y + 6.0,
                          format_duration_fine(replay->runs_ns[k]).text);
    }
}

static void add_chart_row(const struct chart *c, const struct evidence_row *row, double y)
{
    struct buffer *b = c->h->b;

    buffer_format(b, "<text class=\"%s\" x=\"4\" y=\"%.1f\">%s, %u</text>", row->recommended ? "name best" : "name",
                  y + 4.0, row->name, row->workers);
    if (row->interval_ns[1] > row->interval_ns[0])
        buffer_format(b, "<line class=\"interval\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>",
                      x_of(c, row->interval_ns[0]), fmin(x_of(c, row->interval_ns[1]), WIDTH - 4.0), y, y);
    buffer_format(b, "<path class=\"median %s\" d=\"M%.1f %.1fl6 6l-6 6l-6 -6z\"><title>%s</title></path>",
                  row->recommended ? "best" : "", x_of(c, row->median_ns), y - 6.0,
                  format_duration_fine(row->median_ns).text);
    add_dots(c, row, y);
    buffer_add(b, "\n");
}

/* A step of 1, 2 or 5 times a power of ten that gives three to seven marks. */
static double step_of(double top)
{
    double step = pow(10.0, floor(log10(top)));

    if (top / step >= 5.0)
        return step;
    return top / step >= 2.5 ? step / 2.0 : step / 5.0;
}

static void add_axis(const struct chart *c, double bottom)
{
    double step = step_of(c->top_ns);

    for (double at = 0.0; at <= c->top_ns; at += step) {
        double x = x_of(c, (uint64_t)at);

        buffer_format(
            c->h->b,
            "<line class=\"grid\" x1=\"%.1f\" x2=\"%.1f\" y1=\"8\" y2=\"%.1f\"/><text class=\"tick\" x=\"%.1f\" "
            "y=\"%.1f\">%s</text>\n",
            x, x, bottom, x, bottom + 16.0, at > 0.0 ? format_duration((uint64_t)at).text : "0");
    }
}

static void add_line(const struct chart *c, const char *class, uint64_t ns, double bottom, const char *words)
{
    if (ns == 0)
        return;
    buffer_format(c->h->b,
                  "<line class=\"%s\" x1=\"%.1f\" x2=\"%.1f\" y1=\"8\" y2=\"%.1f\"><title>%s: %s</title></line>\n",
                  class, x_of(c, ns), x_of(c, ns), bottom, words, format_duration_fine(ns).text);
}

static void add_chart(struct html *h, const struct evidence_row *rows, size_t n)
{
    const struct evidence *e = &h->a->evidence;
    double bottom = ROW * (double)n + 16.0;
    struct chart c = {.h = h, .top_ns = (double)h->m->wall_ns};

    for (size_t i = 0; i < n; i++) {
        c.top_ns = fmax(c.top_ns, (double)rows[i].median_ns * 1.02);
        c.top_ns = fmax(c.top_ns, fmin((double)rows[i].interval_ns[1], 2.0 * (double)rows[i].median_ns) * 1.02);
    }
    buffer_format(
        h->b,
        "<figure><svg class=\"chart\" viewBox=\"0 0 %.0f %.0f\" role=\"img\" aria-label=\"Time under each model; "
        "the table below has the numbers\">\n",
        WIDTH, bottom + 24.0);
    add_axis(&c, bottom);
    add_line(&c, "now", h->m->wall_ns, bottom, "measured now");
    add_line(&c, "fidelity", e->replayed_now_ns, bottom, "the same, replayed");
    for (size_t i = 0; i < n; i++)
        add_chart_row(&c, &rows[i], ROW * ((double)i + 0.5) + 12.0);
    buffer_add(h->b,
               "</svg>\n<figcaption>Diamond: what to bet on; bar: its 95 % interval; dots: every run of the replay; "
               "solid line: this run as measured; dashed: the same program replayed");
    if (e->replayed_now_ns > 0)
        buffer_format(h->b, " (fidelity %s)", format_share_fine(e->fidelity).text);
    buffer_add(h->b, ".</figcaption></figure>\n");
}

static void add_table_row(struct buffer *b, const struct evidence_row *row)
{
    buffer_format(b, "<tr%s><th scope=\"row\">%s</th><td class=\"n\">%u</td><td class=\"n\">%s</td><td class=\"n\">",
                  row->recommended ? " class=\"best\"" : "", row->name, row->workers,
                  format_duration_fine(row->median_ns).text);
    if (row->interval_ns[1] > row->interval_ns[0])
        buffer_add(b, format_duration_range(row->interval_ns).text);
    buffer_format(b, "</td><td class=\"n\">%s</td><td class=\"n\">%s</td><td class=\"n\">%s</td><td>%s</td></tr>\n",
                  format_speedup(row->speedup).text, row->cores > 0.0 ? format_cores(row->cores).text : "",
                  row->rss_bytes > 0 ? format_bytes(row->rss_bytes).text : "", evidence_source_to_str(row->source));
}

static void add_remarks(struct html *h)
{
    const struct evidence *e = &h->a->evidence;

    if (e->n_ties > 0) {
        buffer_add(h->b, "<p>");
        for (size_t i = 0; i < e->n_ties && i < MODEL_COUNT; i++)
            buffer_format(h->b, "%s%s", i > 0 ? ", " : "", wording_model(e->ties[i]));
        buffer_format(h->b, " can't be told from %s by these numbers%s.</p>\n",
                      wording_model(h->a->recommendation.model), evidence_rows_tie_breaker(h->a));
    }
    if (e->disagrees)
        buffer_add(h->b, "<p>The tree and the measurement disagree: the reasons on the way through the tree lead to "
                         "another model, and the measured replay won.</p>\n");
    if (e->replays_distrusted && e->runs > 0)
        buffer_add(h->b,
                   "<p>The replays do not reproduce this run, perhaps because the machine is busy; the simulation "
                   "does better, and the numbers are its.</p>\n");
}

void html_evidence(struct html *h)
{
    struct evidence_row rows[EVIDENCE_ROWS_MAX];
    size_t n = h->a->recommendation.model == MODEL_NONE ? 0 : evidence_rows(h->a, rows);

    if (n == 0)
        return;
    buffer_add(h->b, "<section id=\"evidence\">\n<h2>Evidence</h2>\n");
    if (h->a->evidence.runs > 0)
        buffer_format(h->b, "<p>The recorded work was run for real under each model, %zu interleaved run%s each.</p>\n",
                      h->a->evidence.runs, h->a->evidence.runs == 1 ? "" : "s");
    else
        buffer_add(h->b, "<p>A forecast from the recorded run; nothing was replayed.</p>\n");
    add_chart(h, rows, n);
    buffer_add(h->b,
               "<table><thead><tr><th>model</th><th class=\"n\">workers</th><th class=\"n\">time</th><th class=\"n\">"
               "95 % CI</th><th class=\"n\">speed-up</th><th class=\"n\">CPUs busy</th><th class=\"n\">+ memory</th>"
               "<th>from</th></tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < n; i++)
        add_table_row(h->b, &rows[i]);
    buffer_add(h->b, "</tbody></table>\n");
    add_remarks(h);
    html_scaling(h);
    buffer_add(h->b, "</section>\n");
}
