/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/diff_text.h"

#include <math.h>

#include "analyzer/compare/compare.h"
#include "report/diff_wording.h"
#include "report/escape.h"
#include "report/format.h"
#include "report/report.h"
#include "report/text.h"
#include "report/verdict.h"
#include "report/wording.h"

/* Below this width the tables go without shares. */
#define SHARES_WIDTH 60

/* A bucket that is less than this share on both sides has no row of its own. */
#define LEAST_SHARE 0.005

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

static void add_current(struct buffer *b, const struct advice *a)
{
    if (a->current_model == MODEL_NONE) {
        buffer_add(b, "model not known");
        return;
    }
    buffer_add(b, wording_model(a->current_model));
    if (a->current_workers > 0 && a->current_model != MODEL_SERIAL)
        buffer_format(b, " (%u)", a->current_workers);
}

static void add_ending(struct buffer *b, const struct target *target)
{
    if (!target->exited)
        buffer_add(b, "still running");
    else if (target->signal)
        buffer_format(b, "signal %d", target->signal);
    else
        buffer_format(b, "exit %d", target->exit_status);
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
    if (wall->runs[side] > 1)
        buffer_format(&b, " | %s runs, %s", format_count(wall->runs[side]).text,
                      format_duration_range(wall->range_ns[side]).text);
    else
        buffer_format(&b, " | 1 run, %s", format_duration_fine(wall->median_ns[side]).text);
    buffer_add(&b, " | ");
    add_current(&b, a_of(d, side));
    buffer_add(&b, " | ");
    add_ending(&b, &m->target);
    paragraph(d, side == COMPARE_BEFORE ? "BEFORE" : "AFTER", &b);
}

static void verdict(struct diff *d)
{
    static const enum layout_style styles[] = {
        [COMPARE_TIE] = LAYOUT_BOLD, [COMPARE_FASTER] = LAYOUT_GOOD, [COMPARE_SLOWER] = LAYOUT_BAD};
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

    add_current(&model, a_of(d, COMPARE_BEFORE));
    buffer_add(&model, " -> ");
    add_current(&model, a_of(d, COMPARE_AFTER));
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

/* "-65 %", "+2 %"; nothing where there was nothing before. */
static void relative(char *text, size_t size, double before, double after)
{
    double change = before > 0.0 ? after / before - 1.0 : 0.0;

    text[0] = '\0';
    if (before <= 0.0)
        return;
    if (fabs(change) < 0.005)
        (void)snprintf(text, size, "same");
    else if (change >= 10.0)
        (void)snprintf(text, size, "%s", format_speedup_short(after / before).text);
    else
        (void)snprintf(text, size, "%c%s", change < 0.0 ? '-' : '+', format_share(fabs(change)).text);
}

static void duration_line(struct diff *d, const char *label, uint64_t before, uint64_t after)
{
    char change[48];

    relative(change, sizeof(change), (double)before, (double)after);
    table_line(d, LAYOUT_PLAIN, label, format_duration(before).text, format_duration(after).text, change);
}

static void count_line(struct diff *d, const char *label, uint64_t before, uint64_t after)
{
    table_line(d, LAYOUT_PLAIN, label, format_count(before).text, format_count(after).text, "");
}

static void times(struct diff *d)
{
    const struct comparison *c = d->c;
    const struct measurement *before = m_of(d, COMPARE_BEFORE), *after = m_of(d, COMPARE_AFTER);

    table_line(d, LAYOUT_BOLD, "", "BEFORE", "AFTER", "CHANGE");
    duration_line(d, "wall time", c->wall.median_ns[COMPARE_BEFORE], c->wall.median_ns[COMPARE_AFTER]);
    duration_line(d, "CPU time", before->on_cpu_ns, after->on_cpu_ns);
    table_line(d, LAYOUT_PLAIN, "CPUs busy", format_cores(c->cores[COMPARE_BEFORE]).text,
               format_cores(c->cores[COMPARE_AFTER]).text, "");
    if (c->peak[COMPARE_BEFORE] > 0 && c->peak[COMPARE_AFTER] > 0)
        count_line(d, "  at most", c->peak[COMPARE_BEFORE], c->peak[COMPARE_AFTER]);
    count_line(d, "threads", before->threads_total, after->threads_total);
    count_line(d, "  at once", before->max_live_threads, after->max_live_threads);
    count_line(d, "processes", before->processes_total, after->processes_total);
}

/* "81.2 s  82 %", or the time alone where shares have no room. */
static void bucket_cell(const struct diff *d, uint64_t time_ns, double share, char *text, size_t size)
{
    if (shares_fit(d))
        (void)snprintf(text, size, "%s %5s", format_duration(time_ns).text, format_share(share).text);
    else
        (void)snprintf(text, size, "%s", format_duration(time_ns).text);
}

static void bucket_line(struct diff *d, const char *label, const struct compare_row *row)
{
    uint64_t before = row->time_ns[COMPARE_BEFORE], after = row->time_ns[COMPARE_AFTER];
    char cells[COMPARE_SIDES][96], change[48] = "tie";

    for (int side = 0; side < COMPARE_SIDES; side++)
        bucket_cell(d, row->time_ns[side], row->share[side], cells[side], sizeof(cells[side]));
    if (before == after)
        (void)snprintf(change, sizeof(change), "same");
    else if (!row->tie)
        (void)snprintf(change, sizeof(change), "%c%s", after < before ? '-' : '+',
                       format_duration(after < before ? before - after : after - before).text);
    table_line(d, LAYOUT_PLAIN, label, cells[COMPARE_BEFORE], cells[COMPARE_AFTER], change);
}

static const char *label_of(const struct diff *d, const struct compare_row *row)
{
    switch (row->bucket) {
    case COMPARE_ON_CPU:
        return "on-CPU";
    case COMPARE_RUNNABLE:
        return "run queue";
    case COMPARE_BLOCKED:
        return wording_cause(row->cause, m_of(d, COMPARE_AFTER)->target.runtime.kind);
    case COMPARE_UNATTRIBUTED:
        break;
    }
    return "unattributed";
}

static uint64_t larger_of(const struct compare_row *row)
{
    return row->time_ns[0] > row->time_ns[1] ? row->time_ns[0] : row->time_ns[1];
}

static int by_time(const void *left, const void *right)
{
    uint64_t a = larger_of(left), b = larger_of(right);

    return (a < b) - (a > b);
}

static void buckets(struct diff *d)
{
    struct compare_row rows[COMPARE_ROWS], rest = {.tie = true};
    struct compare_row all = {
        .time_ns = {m_of(d, COMPARE_BEFORE)->thread_time_ns, m_of(d, COMPARE_AFTER)->thread_time_ns},
        .share = {1.0, 1.0},
    };

    memcpy(rows, d->c->rows, sizeof(rows));
    qsort(rows, COMPARE_ROWS, sizeof(rows[0]), by_time);
    layout_paragraph_styled(&d->text.layout, "", 0, LAYOUT_BOLD, "WHERE THREAD TIME WENT");
    bucket_line(d, "all threads", &all);
    for (size_t i = 0; i < COMPARE_ROWS; i++) {
        if (d->verbose ? larger_of(&rows[i]) > 0 : fmax(rows[i].share[0], rows[i].share[1]) >= LEAST_SHARE) {
            bucket_line(d, label_of(d, &rows[i]), &rows[i]);
            continue;
        }
        for (int side = 0; side < COMPARE_SIDES; side++) {
            rest.time_ns[side] += rows[i].time_ns[side];
            rest.share[side] += rows[i].share[side];
        }
    }
    if (larger_of(&rest) > 0)
        bucket_line(d, "the rest", &rest);
}

/* --- findings --- */

static void finding_line(struct diff *d, const struct compare_finding *item)
{
    const struct finding *any = item->after ? item->after : item->before;
    const struct wording_finding *wording = wording_finding(any->id);
    AUTO_BUFFER label = {0}, b = {0}, place = {0};

    buffer_format(&label, "  %-8s CA%04d %s", compare_change_to_str(item->change), any->id,
                  any->severity == SEVERITY_MEDIUM ? "med" : severity_to_str(any->severity));
    buffer_add(&b, wording ? wording->title : "finding");
    if (item->change == COMPARE_CHANGED)
        buffer_format(&b, ": %s -> %s", format_duration(item->before->time_ns).text,
                      format_duration(item->after->time_ns).text);
    else if (any->time_ns > 0)
        buffer_format(&b, ": %s", format_duration(any->time_ns).text);
    if (any->n_sites > 0)
        text_spot(&d->text, &place, text_site_frame(&any->sites[0]));
    if (place.length > 0)
        buffer_format(&b, ", at %s", buffer_text(&place));
    layout_paragraph(&d->text.layout, buffer_text(&label), 24, 0, buffer_text(&b));
    text_check(&d->text, &label);
    text_check(&d->text, &place);
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
