/* SPDX-License-Identifier: BSD-2-Clause */
#include <math.h>

#include "report/escape.h"
#include "report/evidence_rows.h"
#include "report/format.h"
#include "report/html/html_chart.h"
#include "report/html/html_parts.h"
#include "report/wording.h"

/* "threads", "threads (now)": rows begin with their model's name. */
static bool is_row_of(const struct evidence_row *row, enum model model)
{
    size_t n = strlen(model_to_str(model));

    return strncmp(row->name, model_to_str(model), n) == 0 && (row->name[n] == '\0' || row->name[n] == ' ');
}

/* Each run of the replay that the row rests on. */
static void add_dots(const struct html *h, const struct html_chart *c, const struct evidence_row *row, double y)
{
    const struct measurement *m = h->m;

    for (size_t i = 0; i < m->n_replays; i++) {
        const struct replay_result *replay = &m->replays[i];

        if (!is_row_of(row, replay->model) || replay->workers != row->workers)
            continue;
        for (size_t k = 0; k < replay->n_runs; k++)
            html_chart_dot(c, replay->runs_ns[k], y);
    }
}

static void add_chart_row(const struct html *h, const struct html_chart *c, const struct evidence_row *row, double y)
{
    html_chart_name(c, row->recommended, row->name, row->workers, y);
    html_chart_interval(c, row->interval_ns, y);
    html_chart_median(c, row->recommended, row->median_ns, y);
    add_dots(h, c, row, y);
    buffer_add(c->b, "\n");
}

static void add_chart(struct html *h, const struct evidence_row *rows, size_t n)
{
    const struct evidence *e = &h->a->evidence;
    struct html_chart c = {.b = h->b, .top_ns = (double)h->m->wall_ns};

    for (size_t i = 0; i < n; i++) {
        c.top_ns = fmax(c.top_ns, (double)rows[i].median_ns * 1.02);
        c.top_ns = fmax(c.top_ns, fmin((double)rows[i].interval_ns[1], 2.0 * (double)rows[i].median_ns) * 1.02);
    }
    html_chart_begin(&c, n, "Time under each model; the table below has the numbers");
    html_chart_line(&c, "now", h->m->wall_ns, "measured now");
    html_chart_line(&c, "fidelity", e->replayed_now_ns, "the same, replayed");
    for (size_t i = 0; i < n; i++)
        add_chart_row(h, &c, &rows[i], html_chart_y(i));
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
