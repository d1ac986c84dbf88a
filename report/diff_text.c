/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/diff_text.h"

#include "analyzer/compare/compare.h"
#include "report/command.h"
#include "report/diff_rows.h"
#include "report/diff_wording.h"
#include "report/escape.h"
#include "report/format.h"
#include "report/report.h"
#include "report/text.h"
#include "report/verdict.h"
#include "report/wording.h"

/* Below this width the tables go without shares. */
#define SHARES_WIDTH 60

struct diff {
    struct text text; /* for places; m and a are AFTER's */
    const struct report_diff *in;
    const struct comparison *c;
    bool verbose;
};

static const struct measurement *m_of(const struct diff *d, int side)
{
    return d->in->sides[side].m;
}

static const struct advice *a_of(const struct diff *d, int side)
{
    return d->in->sides[side].a;
}

static void paragraph(struct diff *d, const char *label, struct buffer *b)
{
    if (b->length > 0)
        layout_paragraph(&d->text.layout, label, TEXT_INDENT, 0, buffer_text(b));
    text_check(&d->text, b);
}

/* The command, cut to two lines: arguments may be a hundred thousand bytes long. */
static void add_command(struct diff *d, struct buffer *b, const struct target *target)
{
    const size_t columns = 2 * (d->text.layout.width - TEXT_INDENT);
    AUTO_BUFFER command = {0};

    for (size_t i = 0; i < target->n_argv && command.length <= 4 * columns; i++) {
        buffer_add(&command, i > 0 ? " " : "");
        escape_terminal(&command, target->argv[i], d->text.layout.utf8);
    }
    if (escape_columns(buffer_text(&command)) > columns) {
        buffer_add_bytes(b, buffer_text(&command), escape_fit(buffer_text(&command), columns - 3, NULL));
        buffer_add(b, "...");
    } else {
        buffer_add(b, buffer_text(&command));
    }
    text_check(&d->text, &command);
}

/* Command, runs, model and ending of a side. */
static void side_lines(struct diff *d, int side)
{
    const struct compare_wall *wall = &d->c->wall;
    const struct measurement *m = m_of(d, side);
    AUTO_BUFFER b = {0};

    escape_terminal(&b, d->in->names[side], d->text.layout.utf8);
    buffer_add(&b, ": ");
    add_command(d, &b, &m->target);
    if (m->target.attached)
        buffer_format(&b, " | watched for %s", format_duration_fine(wall->median_ns[side]).text);
    else if (wall->runs[side] > 1)
        buffer_format(&b, " | %s runs, %s", format_count(wall->runs[side]).text,
                      format_duration_range(wall->range_ns[side]).text);
    else
        buffer_format(&b, " | 1 run, %s", format_duration_fine(wall->median_ns[side]).text);
    buffer_add(&b, " | ");
    diff_rows_add_model(&b, a_of(d, side));
    buffer_add(&b, " | ");
    command_add_ending(&b, &m->target);
    paragraph(d, side == COMPARE_BEFORE ? "BEFORE" : "AFTER", &b);
}

static void verdict(struct diff *d)
{
    static const enum layout_style styles[] = {[COMPARE_TIE] = LAYOUT_BOLD,
                                               [COMPARE_FASTER] = LAYOUT_GOOD,
                                               [COMPARE_SLOWER] = LAYOUT_BAD,
                                               [COMPARE_NOT_COMPARABLE] = LAYOUT_WARN};
    AUTO_BUFFER head = {0}, method = {0};

    diff_wording_verdict(&head, &d->c->wall);
    layout_paragraph_styled(&d->text.layout, "VERDICT", TEXT_INDENT, styles[d->c->wall.verdict], buffer_text(&head));
    text_check(&d->text, &head);
    diff_wording_method(&method, &d->c->wall);
    paragraph(d, "", &method);
}

static void caveats(struct diff *d)
{
    for (int i = 0; i < COMPARE_CAVEATS; i++)
        if (d->c->caveats & (1u << i))
            layout_paragraph(&d->text.layout, "CAVEAT", TEXT_INDENT, 0, diff_wording_caveat((enum compare_caveat)i));
}

static void model_and_forecast(struct diff *d)
{
    AUTO_BUFFER model = {0}, forecast = {0};

    diff_rows_add_model(&model, a_of(d, COMPARE_BEFORE));
    buffer_add(&model, " -> ");
    diff_rows_add_model(&model, a_of(d, COMPARE_AFTER));
    buffer_add(&model, "; the advice was: ");
    verdict_headline(&model, &a_of(d, COMPARE_BEFORE)->recommendation);
    buffer_add(&model, "; it is now: ");
    verdict_headline(&model, &a_of(d, COMPARE_AFTER)->recommendation);
    buffer_add(&model, ".");
    paragraph(d, "MODEL", &model);
    diff_wording_forecast(&forecast, d->c, &a_of(d, COMPARE_BEFORE)->recommendation);
    paragraph(d, "FORECAST", &forecast);
}

/* --- tables --- */

static bool shares_fit(const struct diff *d)
{
    return d->text.layout.width >= SHARES_WIDTH;
}

static void table_line(struct diff *d, enum layout_style style, const char *label, const char *before,
                       const char *after, const char *change)
{
    const struct layout *l = &d->text.layout;
    int columns = shares_fit(d) ? 16 : 9;
    char numbers[128];

    layout_pad(l, 2);
    layout_cell(l, style, label, shares_fit(d) ? 14 : 11);
    (void)snprintf(numbers, sizeof(numbers), "%*s%*s%*s", columns, before, columns, after,
                   *change ? (shares_fit(d) ? 12 : 9) : 0, change);
    layout_put(l, style, numbers);
    layout_end(l);
}

static void times(struct diff *d)
{
    struct diff_fact rows[DIFF_FACTS_MAX];
    size_t n = diff_facts_collect(d->in, rows);

    table_line(d, LAYOUT_BOLD, "", "BEFORE", "AFTER", "CHANGE");
    for (size_t i = 0; i < n; i++)
        table_line(d, LAYOUT_PLAIN, rows[i].label, rows[i].side[COMPARE_BEFORE].text, rows[i].side[COMPARE_AFTER].text,
                   rows[i].change.text);
}

/* "81.2 s  82 %", or the time alone where shares have no room. */
static void bucket_cell(const struct diff *d, uint64_t time_ns, double share, char *text, size_t size)
{
    if (shares_fit(d))
        (void)snprintf(text, size, "%s %5s", format_duration(time_ns).text, format_share(share).text);
    else
        (void)snprintf(text, size, "%s", format_duration(time_ns).text);
}

static void bucket_line(struct diff *d, const struct diff_bucket *row)
{
    char cells[COMPARE_SIDES][96];

    for (int side = 0; side < COMPARE_SIDES; side++)
        bucket_cell(d, row->time_ns[side], row->share[side], cells[side], sizeof(cells[side]));
    table_line(d, LAYOUT_PLAIN, row->label, cells[COMPARE_BEFORE], cells[COMPARE_AFTER], row->change.text);
}

static void buckets(struct diff *d)
{
    struct diff_bucket rows[DIFF_BUCKETS_MAX];
    size_t n = diff_buckets_collect(d->in, d->verbose, rows);

    layout_paragraph_styled(&d->text.layout, "", 0, LAYOUT_BOLD, "WHERE THREAD TIME WENT");
    for (size_t i = 0; i < n; i++)
        bucket_line(d, &rows[i]);
}

/* --- findings --- */

static void finding_line(struct diff *d, const struct compare_finding *item)
{
    const struct finding *any = item->after ? item->after : item->before;
    const struct wording_finding *wording = wording_finding(any->id);
    AUTO_BUFFER label = {0}, b = {0}, place = {0}, time = {0};

    buffer_format(&label, "  %-8s CA%04d %s", diff_rows_change(item), any->id,
                  any->severity == SEVERITY_MEDIUM ? "med" : severity_to_str(any->severity));
    buffer_add(&b, wording ? wording->title : "finding");
    diff_rows_add_finding_time(&time, d->in, item);
    if (time.length > 0)
        buffer_format(&b, ": %s", buffer_text(&time));
    if (any->n_sites > 0)
        text_spot(&d->text, &place, text_site_frame(&any->sites[0]));
    if (place.length > 0)
        buffer_format(&b, ", at %s", buffer_text(&place));
    layout_paragraph(&d->text.layout, buffer_text(&label), 24, 0, buffer_text(&b));
    text_check(&d->text, &label);
    text_check(&d->text, &place);
    text_check(&d->text, &time);
    text_check(&d->text, &b);
}

static void findings(struct diff *d)
{
    layout_paragraph_styled(&d->text.layout, "", 0, LAYOUT_BOLD, "FINDINGS");
    if (d->c->n_findings == 0)
        layout_paragraph(&d->text.layout, "", 2, 0, "none on either side");
    for (size_t i = 0; i < d->c->n_findings; i++)
        finding_line(d, &d->c->findings[i]);
}

int diff_text_write(const struct layout *layout, const struct report_diff *diff, bool verbose)
{
    struct diff d = {
        .text = {.layout = *layout,
                 .m = diff->sides[COMPARE_AFTER].m,
                 .a = diff->sides[COMPARE_AFTER].a,
                 .verbose = verbose},
        .in = diff,
        .c = diff->comparison,
        .verbose = verbose,
    };

    side_lines(&d, COMPARE_BEFORE);
    side_lines(&d, COMPARE_AFTER);
    layout_end(layout);
    verdict(&d);
    caveats(&d);
    model_and_forecast(&d);
    layout_end(layout);
    times(&d);
    buckets(&d);
    findings(&d);
    return d.text.error;
}
