/* SPDX-License-Identifier: BSD-2-Clause */
/* Two runs compared, as a page: verdict, runs as dots, causes as paired bars, findings, what else differs. */
#include <math.h>

#include "analyzer/compare/compare.h"
#include "base/base.h"
#include "report/diff_markdown.h"
#include "report/diff_rows.h"
#include "report/diff_wording.h"
#include "report/escape.h"
#include "report/html/html.h"
#include "report/html/html_chart.h"
#include "report/html/html_parts.h"
#include "report/json_diff.h"
#include "report/report.h"
#include "report/wording.h"

/* Of each side; what is drawn, not what is counted. */
#define MOST_DOTS 100

static void add_escaped(struct buffer *b, const struct buffer *raw)
{
    if (raw->error && !b->error)
        b->error = raw->error;
    escape_html(b, buffer_text(raw));
}

static void add_header(struct buffer *b, const struct report_diff *diff)
{
    buffer_add(b, "<header>\n<p class=\"command\">");
    for (int side = 0; side < COMPARE_SIDES; side++) {
        buffer_add(b, side == COMPARE_BEFORE ? "BEFORE <code>" : "; AFTER <code>");
        escape_html(b, diff->names[side]);
        buffer_add(b, "</code>");
    }
    buffer_add(b, "</p>\n</header>\n");
}

static void add_verdict(struct buffer *b, const struct report_diff *diff)
{
    static const char *const classes[] = {[COMPARE_TIE] = "tie",
                                          [COMPARE_FASTER] = "keep",
                                          [COMPARE_SLOWER] = "slower",
                                          [COMPARE_NOT_COMPARABLE] = "none"};
    const struct comparison *c = diff->comparison;
    AUTO_BUFFER head = {0}, method = {0};

    diff_wording_verdict(&head, &c->wall);
    diff_wording_method(&method, &c->wall);
    buffer_format(b, "<section id=\"verdict\" class=\"card %s\">\n<h1>", classes[c->wall.verdict]);
    add_escaped(b, &head);
    buffer_add(b, "</h1>\n<p>");
    add_escaped(b, &method);
    buffer_add(b, "</p>\n");
    for (int i = 0; i < COMPARE_CAVEATS; i++)
        if (c->caveats & (1u << i))
            buffer_format(b, "<p class=\"warn\">Caveat: %s</p>\n", diff_wording_caveat((enum compare_caveat)i));
    html_page_tools(b);
    buffer_add(b, "</section>\n");
}

/* --- times --- */

static void add_dots(const struct html_chart *chart, const struct measurement *m, double y)
{
    for (size_t i = 0; i < m->n_repeats && i < MOST_DOTS; i++)
        html_chart_dot(chart, m->repeats[i].wall_ns, y);
    if (m->n_repeats == 0)
        html_chart_dot(chart, m->wall_ns, y);
}

static bool has_forecast(const struct comparison *c)
{
    return c->forecast.expected_ns > 0;
}

/* Every run a dot; what BEFORE's report expected of AFTER between the two. */
static void add_chart(struct buffer *b, const struct report_diff *diff)
{
    static const char *const names[] = {"before", "after"};
    const struct comparison *c = diff->comparison;
    struct html_chart chart = {.b = b};
    bool forecast = has_forecast(c);

    for (int side = 0; side < COMPARE_SIDES; side++)
        chart.top_ns = fmax(chart.top_ns, 1.05 * (double)c->wall.range_ns[side][1]);
    chart.top_ns = fmax(chart.top_ns, fmin((double)c->forecast.expected_ns * 1.05, 2.0 * chart.top_ns));
    html_chart_begin(&chart, forecast ? 3 : 2, "Wall time of every run; the table below has the numbers");
    for (int side = 0; side < COMPARE_SIDES; side++) {
        double y = html_chart_y(side == COMPARE_AFTER && forecast ? 2 : (size_t)side);

        html_chart_name(&chart, side == COMPARE_AFTER, names[side], 0, y);
        html_chart_median(&chart, side == COMPARE_AFTER, c->wall.median_ns[side], y);
        add_dots(&chart, diff->sides[side].m, y);
    }
    if (forecast) {
        html_chart_name(&chart, false, "forecast of after", 0, html_chart_y(1));
        html_chart_interval(&chart, c->forecast.interval_ns, html_chart_y(1));
        html_chart_median(&chart, false, c->forecast.expected_ns, html_chart_y(1));
    }
    buffer_format(b, "</svg>\n<figcaption>Diamond: median; dots: every run%s.</figcaption></figure>\n",
                  forecast ? "; the forecast is that of BEFORE's report, its bar the 95 % interval" : "");
}

static void add_times(struct buffer *b, const struct report_diff *diff)
{
    struct diff_fact rows[DIFF_FACTS_MAX];
    size_t n = diff_facts_collect(diff, rows);

    buffer_add(b, "<section id=\"times\">\n<h2>Times</h2>\n");
    if (diff->comparison->wall.verdict != COMPARE_NOT_COMPARABLE)
        add_chart(b, diff);
    buffer_add(b, "<table><thead><tr><th></th><th class=\"n\">before</th><th class=\"n\">after</th><th class=\"n\">"
                  "change</th></tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < n; i++)
        buffer_format(b,
                      "<tr><th scope=\"row\"%s>%s</th><td class=\"n\">%s</td><td class=\"n\">%s</td><td class=\"n\">"
                      "%s</td></tr>\n",
                      rows[i].label[0] == ' ' ? " class=\"part\"" : "", rows[i].label, rows[i].side[0].text,
                      rows[i].side[1].text, rows[i].change.text);
    buffer_add(b, "</tbody></table>\n</section>\n");
}

/* --- causes --- */

/* What the bars show: times where they can be compared, else shares. */
static double length_of(const struct report_diff *diff, const struct diff_bucket *row, int side)
{
    return diff->comparison->wall.verdict == COMPARE_NOT_COMPARABLE ? row->share[side] : (double)row->time_ns[side];
}

static void add_state_class(struct buffer *b, const struct diff_bucket *row)
{
    if (row->state == DIFF_NO_STATE)
        buffer_add(b, "plain");
    else
        buffer_format(b, "s%u", row->state);
}

static void add_bars(struct buffer *b, const struct report_diff *diff, const struct diff_bucket *row, double longest)
{
    buffer_add(b, "<svg class=\"bar pair\" width=\"100%\" height=\"22\" aria-hidden=\"true\">");
    for (int side = 0; side < COMPARE_SIDES; side++) {
        buffer_add(b, "<rect class=\"");
        add_state_class(b, row);
        buffer_format(b, "%s\" y=\"%d\" width=\"%.2f%%\" height=\"10\"/>", side == COMPARE_BEFORE ? " before" : "",
                      12 * side, longest > 0.0 ? 100.0 * length_of(diff, row, side) / longest : 0.0);
    }
    buffer_add(b, "</svg>");
}

/* @param longest  0: no bars */
static void add_bucket(struct buffer *b, const struct report_diff *diff, const struct diff_bucket *row, double longest)
{
    buffer_add(b, "<tr><th scope=\"row\">");
    if (row->state != DIFF_NO_STATE) {
        buffer_add(b, "<svg class=\"key\" width=\"14\" height=\"14\" aria-hidden=\"true\"><rect class=\"");
        add_state_class(b, row);
        buffer_add(b, "\" width=\"14\" height=\"14\"/></svg> ");
    }
    buffer_format(b, "%s</th>", row->label);
    for (int side = 0; side < COMPARE_SIDES; side++)
        buffer_format(b, "<td class=\"n\">%s</td><td class=\"n share\">%s</td>",
                      format_duration(row->time_ns[side]).text, format_share(row->share[side]).text);
    buffer_format(b, "<td class=\"n\">%s</td><td>", row->change.text);
    if (longest > 0.0)
        add_bars(b, diff, row, longest);
    buffer_add(b, "</td></tr>\n");
}

static void add_causes(struct buffer *b, const struct report_diff *diff)
{
    struct diff_bucket rows[DIFF_BUCKETS_MAX];
    size_t n = diff_buckets_collect(diff, false, rows);
    bool shares = diff->comparison->wall.verdict == COMPARE_NOT_COMPARABLE;
    double longest = 0.0;

    for (size_t i = 1; i < n; i++) /* the first is their sum */
        for (int side = 0; side < COMPARE_SIDES; side++)
            longest = fmax(longest, length_of(diff, &rows[i], side));
    buffer_format(
        b,
        "<section id=\"causes\">\n<h2>Where thread time went</h2>\n<p class=\"why\">Bars: %s; the upper, paler "
        "one is before, the lower one after. \"tie\": the difference can't be told from noise.</p>\n"
        "<table class=\"causes\"><thead><tr><th>state</th><th class=\"n\" colspan=\"2\">before</th>"
        "<th class=\"n\" colspan=\"2\">after</th><th class=\"n\">change</th><th></th></tr></thead>\n<tbody>\n",
        shares ? "share of the thread time" : "time");
    for (size_t i = 0; i < n; i++)
        add_bucket(b, diff, &rows[i], i == 0 ? 0.0 : longest);
    buffer_add(b, "</tbody></table>\n</section>\n");
}

/* --- findings --- */

static void add_side(struct buffer *b, const char *word, const struct finding *finding)
{
    if (!finding || (!*finding->detail && finding->n_sites == 0))
        return;
    buffer_format(b, "<p><strong>%s</strong> ", word);
    escape_html(b, finding->detail);
    if (finding->n_sites > 0) {
        buffer_add(b, *finding->detail ? ", at " : "at ");
        html_place(b, advice_near_frame_in(finding->sites[0].frames, finding->sites[0].n_frames));
    }
    buffer_add(b, "</p>\n");
}

static void add_finding(struct buffer *b, const struct report_diff *diff, const struct compare_finding *item)
{
    const struct finding *any = item->after ? item->after : item->before;
    const struct wording_finding *wording = wording_finding(any->id);
    AUTO_BUFFER time = {0};

    diff_rows_add_finding_time(&time, diff, item);
    buffer_format(
        b,
        "<article class=\"finding %s\">\n<h3><span class=\"change %s\">%s</span> CA%04d <span class=\"severity\">"
        "%s</span> %s%s",
        item->after ? severity_to_str(any->severity) : "gone", diff_rows_change(item), diff_rows_change(item), any->id,
        severity_to_str(any->severity), wording ? wording->title : "finding", time.length > 0 ? ": " : "");
    add_escaped(b, &time);
    buffer_add(b, "</h3>\n");
    add_side(b, "Before", item->before);
    add_side(b, "After", item->after);
    if (item->after && (item->after->remedy || wording)) {
        buffer_add(b, "<p><strong>Do</strong> ");
        escape_html(b, item->after->remedy ? item->after->remedy : wording->action);
        buffer_add(b, "</p>\n");
    }
    buffer_add(b, "</article>\n");
}

static void add_findings(struct buffer *b, const struct report_diff *diff)
{
    const struct comparison *c = diff->comparison;

    buffer_add(b, "<section id=\"findings\">\n<h2>Findings</h2>\n");
    if (c->n_findings == 0)
        buffer_add(b, "<p>None on either side.</p>\n");
    for (size_t i = 0; i < c->n_findings; i++)
        add_finding(b, diff, &c->findings[i]);
    buffer_add(b, "</section>\n");
}

/* --- the rest --- */

static void add_forecast(struct buffer *b, const struct report_diff *diff)
{
    AUTO_BUFFER forecast = {0};

    diff_wording_forecast(&forecast, diff->comparison, &diff->sides[COMPARE_BEFORE].a->recommendation);
    buffer_add(b, "<section id=\"forecast\">\n<h2>The forecast, and what happened</h2>\n<p>");
    add_escaped(b, &forecast);
    buffer_add(b, "</p>\n</section>\n");
}

static void add_properties(struct buffer *b, const struct report_diff *diff)
{
    struct diff_property rows[DIFF_PROPERTIES_MAX];
    size_t n = diff_properties_collect(diff, rows);

    buffer_add(b,
               "<section id=\"runs\">\n<h2>The two runs</h2>\n<table class=\"runs\"><thead><tr><th></th><th>before</th>"
               "<th>after</th></tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < n; i++) {
        bool differs = diff_property_differs(&rows[i]);

        buffer_format(b, "<tr%s><th scope=\"row\">%s%s</th><td>", differs ? " class=\"differs\"" : "", rows[i].label,
                      differs ? " <strong>differs</strong>" : "");
        add_escaped(b, &rows[i].side[COMPARE_BEFORE]);
        buffer_add(b, "</td><td>");
        add_escaped(b, &rows[i].side[COMPARE_AFTER]);
        buffer_add(b, "</td></tr>\n");
    }
    buffer_add(b, "</tbody></table>\n</section>\n");
    diff_properties_clear(rows, n);
}

/* --- what is embedded --- */

static int write_json(FILE *out, const void *what)
{
    return json_diff_write(out, what);
}

static int write_markdown(FILE *out, const void *what)
{
    return diff_markdown_write(out, what);
}

static int add_report(struct buffer *b, const struct report_diff *diff)
{
    CLEANUP(html_arguments_clear) struct html_arguments before = {0};
    CLEANUP(html_arguments_clear) struct html_arguments after = {0};
    struct html_arguments *const arguments[] = {&before, &after};
    struct measurement shown[COMPARE_SIDES] = {*diff->sides[COMPARE_BEFORE].m, *diff->sides[COMPARE_AFTER].m};
    struct compare_side sides[COMPARE_SIDES];
    struct report_diff cut = *diff;

    for (int side = 0; side < COMPARE_SIDES; side++) {
        int r = html_page_cut_arguments(&diff->sides[side].m->target, arguments[side]);

        if (r < 0)
            return r;
        shown[side].target.argv = arguments[side]->argv;
        shown[side].target.n_argv = arguments[side]->n;
        sides[side] = (struct compare_side){&shown[side], diff->sides[side].a};
    }
    cut.sides = sides;
    return html_page_report(b, write_json, &cut, "concadvise-diff.json",
                            before.last || after.last ? "the commands are cut to what a page holds" : "");
}

int html_diff_write(FILE *out, const struct report_diff *diff)
{
    AUTO_BUFFER b = {0}, title = {0};
    int r;

    buffer_format(&title, "%s -> %s", diff->names[COMPARE_BEFORE], diff->names[COMPARE_AFTER]);
    if (title.error)
        return title.error;
    html_page_begin(&b, buffer_text(&title));
    add_header(&b, diff);
    buffer_add(&b, "<main>\n");
    add_verdict(&b, diff);
    add_times(&b, diff);
    add_forecast(&b, diff);
    add_causes(&b, diff);
    add_findings(&b, diff);
    add_properties(&b, diff);
    buffer_add(&b, "</main>\n");
    r = html_page_markdown(&b, write_markdown, diff);
    if (r == 0) /* HTML_TOO_LONG: a page without */
        r = add_report(&b, diff);
    return r < 0 ? r : html_page_end(&b, out);
}
