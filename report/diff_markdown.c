/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/diff_markdown.h"

#include "analyzer/compare/compare.h"
#include "base/base.h"
#include "base/utf8.h"
#include "report/diff_rows.h"
#include "report/diff_wording.h"
#include "report/escape.h"
#include "report/markdown.h"
#include "report/report.h"
#include "report/wording.h"

/* A cell holds so much of a command: a ticket has room for 65,536 characters in all. */
#define MOST_CELL 400

static void add_verdict(struct buffer *b, const struct report_diff *diff)
{
    const struct comparison *c = diff->comparison;

    buffer_add(b, "## concadvise: ");
    diff_wording_verdict(b, &c->wall);
    buffer_add(b, "\n\n");
    diff_wording_method(b, &c->wall);
    buffer_add(b, "\n");
    for (int i = 0; i < COMPARE_CAVEATS; i++)
        if (c->caveats & (1u << i))
            buffer_format(b, "\n**Caveat:** %s\n", diff_wording_caveat((enum compare_caveat)i));
}

static void add_times(struct buffer *b, const struct report_diff *diff)
{
    struct diff_fact rows[DIFF_FACTS_MAX];
    size_t n = diff_facts_collect(diff, rows);

    buffer_add(b, "\n| | before | after | change |\n|---|---:|---:|---:|\n");
    for (size_t i = 0; i < n; i++)
        buffer_format(b, "| %s%s | %s | %s | %s |\n", rows[i].label[0] == ' ' ? "- " : "",
                      rows[i].label + strspn(rows[i].label, " "), rows[i].side[COMPARE_BEFORE].text,
                      rows[i].side[COMPARE_AFTER].text, rows[i].change.text);
}

static void add_forecast(struct buffer *b, const struct report_diff *diff)
{
    buffer_add(b, "\n### The forecast, and what happened\n");
    diff_wording_forecast(b, diff->comparison, &diff->sides[COMPARE_BEFORE].a->recommendation);
    buffer_add(b, "\n");
}

static void add_causes(struct buffer *b, const struct report_diff *diff)
{
    struct diff_bucket rows[DIFF_BUCKETS_MAX];
    size_t n = diff_buckets_collect(diff, false, rows);

    buffer_add(b, "\n### Where thread time went\n| state | before | share | after | share | change |\n"
                  "|---|---:|---:|---:|---:|---:|\n");
    for (size_t i = 0; i < n; i++)
        buffer_format(b, "| %s | %s | %s | %s | %s | %s |\n", rows[i].label, format_duration(rows[i].time_ns[0]).text,
                      format_share(rows[i].share[0]).text, format_duration(rows[i].time_ns[1]).text,
                      format_share(rows[i].share[1]).text, rows[i].change.text);
}

static void add_finding(struct buffer *b, const struct report_diff *diff, const struct compare_finding *item)
{
    const struct finding *any = item->after ? item->after : item->before;
    const struct wording_finding *wording = wording_finding(any->id);

    buffer_format(b, "| %s | CA%04d | %s | %s", diff_rows_change(item), any->id, severity_to_str(any->severity),
                  wording ? wording->title : "finding");
    if (any->detail[0])
        buffer_add(b, ": ");
    escape_markdown(b, any->detail);
    buffer_add(b, " | ");
    diff_rows_add_finding_time(b, diff, item);
    buffer_add(b, " | ");
    if (any->n_sites > 0)
        markdown_add_place(b, advice_near_frame_in(any->sites[0].frames, any->sites[0].n_frames));
    buffer_add(b, " |\n");
}

static void add_findings(struct buffer *b, const struct report_diff *diff)
{
    const struct comparison *c = diff->comparison;

    buffer_add(b, "\n### Findings\n");
    if (c->n_findings == 0) {
        buffer_add(b, "None on either side.\n");
        return;
    }
    buffer_add(b, "| | id | severity | what | time | where |\n|---|---|---|---|---:|---|\n");
    for (size_t i = 0; i < c->n_findings; i++)
        add_finding(b, diff, &c->findings[i]);
}

static void add_value(struct buffer *b, const struct diff_property *row, int side, bool in_table)
{
    const struct buffer *raw = &row->side[side];
    AUTO_BUFFER cell = {0};

    buffer_add_bytes(&cell, buffer_text(raw), utf8_cut(buffer_text(raw), MOST_CELL));
    if (cell.length < raw->length)
        buffer_add(&cell, "...");
    if (row->code)
        escape_markdown_code(b, buffer_text(&cell), in_table);
    else
        escape_markdown(b, buffer_text(&cell));
    if ((raw->error || cell.error) && !b->error)
        b->error = -ENOMEM;
}

static void add_property(struct buffer *b, const struct diff_property *row)
{
    const char *bold = diff_property_differs(row) ? "**" : "";

    buffer_format(b, "| %s%s%s%s | ", bold, row->label, *bold ? " differs" : "", bold);
    add_value(b, row, COMPARE_BEFORE, true);
    buffer_add(b, " | ");
    add_value(b, row, COMPARE_AFTER, true);
    buffer_add(b, " |\n");
}

static void add_properties(struct buffer *b, const struct report_diff *diff)
{
    struct diff_property rows[DIFF_PROPERTIES_MAX];
    size_t n = diff_properties_collect(diff, rows), shared = 0;

    buffer_add(b, "\n### The two runs\n| | before | after |\n|---|---|---|\n");
    for (size_t i = 0; i < n; i++)
        if (!diff_property_is_shared(&rows[i]))
            add_property(b, &rows[i]);
    for (size_t i = 0; i < n; i++) {
        if (!diff_property_is_shared(&rows[i]))
            continue;
        buffer_format(b, "%s%s ", shared++ == 0 ? "\nThe same for both: " : "; ", rows[i].label);
        add_value(b, &rows[i], COMPARE_AFTER, false);
    }
    buffer_add(b, shared > 0 ? "\n" : "");
    diff_properties_clear(rows, n);
}

int diff_markdown_write(FILE *out, const struct report_diff *diff)
{
    AUTO_BUFFER b = {0};

    add_verdict(&b, diff);
    add_times(&b, diff);
    add_forecast(&b, diff);
    add_causes(&b, diff);
    add_findings(&b, diff);
    add_properties(&b, diff);
    buffer_add(&b, "\n---\n`concadvise explain ID` says more about a finding\n");
    if (b.error)
        return b.error;
    (void)fwrite(buffer_text(&b), 1, b.length, out);
    return 0;
}
