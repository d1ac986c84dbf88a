/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/text.h"

#include "report/escape.h"
#include "report/evidence_rows.h"
#include "report/format.h"
#include "report/wording.h"

enum column {
    COLUMN_MARK,
    COLUMN_MODEL,
    COLUMN_WORKERS,
    COLUMN_MEDIAN,
    COLUMN_INTERVAL,
    COLUMN_SPEEDUP,
    COLUMN_CORES,
    COLUMN_SIMULATED,
    COLUMN_RSS,
    COLUMN_COUNT
};

static const char *const column_titles[COLUMN_COUNT] = {"",         "MODEL", "WORKERS", "TIME", "95 % CI",
                                                        "SPEED-UP", "CORES", "SIM",     "+RSS"};

/* Given up in this order when the table is too wide. */
static const enum column expendable[] = {COLUMN_RSS, COLUMN_CORES, COLUMN_SIMULATED, COLUMN_INTERVAL, COLUMN_WORKERS};

struct cell {
    char text[48];
};

struct table {
    struct cell cells[EVIDENCE_ROWS_MAX][COLUMN_COUNT];
    bool recommended[EVIDENCE_ROWS_MAX];
    bool replayed; /* rows come from replays, unless they say otherwise */
    size_t n_rows;
    size_t width[COLUMN_COUNT];
    bool hidden[COLUMN_COUNT];
    size_t gap;
};

static void set_cell(struct table *table, enum column column, const char *text)
{
    (void)snprintf(table->cells[table->n_rows][column].text, sizeof(struct cell), "%.47s", text);
}

/* How far the simulation is from the replay: "-3 %"; "!" where that is more than it may be. */
static void set_agreement(struct table *table, const struct evidence_row *row)
{
    struct cell text;

    (void)snprintf(text.text, sizeof(text.text), "%+.0f %%%s", (1.0 / row->agreement - 1.0) * 100.0,
                   row->disagreement ? "!" : "");
    set_cell(table, COLUMN_SIMULATED, text.text);
}

/* An interval, or where the number comes from when the others of the table come from somewhere else. */
static bool has_interval(const struct table *table, const struct evidence_row *row)
{
    return row->interval_ns[1] > row->interval_ns[0] && (row->source != SOURCE_FORECAST || !table->replayed);
}

static void add_row(struct table *table, const struct evidence_row *row)
{
    struct cell workers;

    (void)snprintf(workers.text, sizeof(workers.text), "%u", row->workers);
    table->recommended[table->n_rows] = row->recommended;
    set_cell(table, COLUMN_MARK, row->recommended ? "*" : "");
    set_cell(table, COLUMN_MODEL, row->name);
    set_cell(table, COLUMN_WORKERS, row->workers > 0 ? workers.text : "-");
    set_cell(table, COLUMN_MEDIAN, format_duration_fine(row->median_ns).text);
    if (has_interval(table, row))
        set_cell(table, COLUMN_INTERVAL, format_duration_range(row->interval_ns).text);
    else
        set_cell(table, COLUMN_INTERVAL, evidence_source_to_str(row->source));
    set_cell(table, COLUMN_SPEEDUP, format_speedup(row->speedup).text);
    set_cell(table, COLUMN_CORES, row->cores > 0.0 ? format_cores(row->cores).text : "-");
    if (row->agreement > 0.0)
        set_agreement(table, row);
    else
        set_cell(table, COLUMN_SIMULATED, "-");
    set_cell(table, COLUMN_RSS, row->rss_bytes > 0 ? format_bytes(row->rss_bytes).text : "-");
    table->n_rows++;
}

static void fill(struct table *table, const struct advice *a)
{
    struct evidence_row rows[EVIDENCE_ROWS_MAX];
    size_t n = evidence_rows(a, rows);

    for (size_t i = 0; i < n; i++)
        add_row(table, &rows[i]);
}

static size_t total_width(const struct table *table)
{
    size_t total = table->width[COLUMN_MARK];

    for (int column = COLUMN_MODEL; column < COLUMN_COUNT; column++)
        if (!table->hidden[column])
            total += table->width[column] + (column == COLUMN_MODEL ? 1 : table->gap);
    return total;
}

static void measure(struct table *table, size_t room)
{
    for (int column = 0; column < COLUMN_COUNT; column++) {
        table->width[column] = strlen(column_titles[column]);
        for (size_t i = 0; i < table->n_rows; i++) {
            size_t n = strlen(table->cells[i][column].text);

            if (n > table->width[column])
                table->width[column] = n;
        }
    }
    table->width[COLUMN_MARK] = 3;
    for (table->gap = 3; table->gap > 1 && total_width(table) > room; table->gap--)
        continue;
    for (size_t i = 0; i < ARRAY_SIZE(expendable) && total_width(table) > room; i++)
        table->hidden[expendable[i]] = true;
    if (total_width(table) > room)
        table->width[COLUMN_MODEL] -= total_width(table) - room;
}

/* Names and intervals stand at the left of their column, numbers at the right. */
static void put_line(struct text *t, const struct table *table, const char *const texts[COLUMN_COUNT],
                     enum layout_style style)
{
    AUTO_BUFFER b = {0};

    buffer_format(&b, "  %-1s", texts[COLUMN_MARK]);
    for (int column = COLUMN_MODEL; column < COLUMN_COUNT; column++) {
        int width = (int)table->width[column];
        bool left = column == COLUMN_MODEL || column == COLUMN_INTERVAL;

        if (table->hidden[column])
            continue;
        buffer_format(&b, "%*s%*.*s", column == COLUMN_MODEL ? 1 : (int)table->gap, "", left ? -width : width, width,
                      texts[column]);
    }
    while (b.length > 0 && b.data[b.length - 1] == ' ')
        b.data[--b.length] = '\0';
    layout_put(&t->layout, style, buffer_text(&b));
    layout_end(&t->layout);
    text_check(t, &b);
}

static void put_table(struct text *t, const struct table *table)
{
    put_line(t, table, column_titles, LAYOUT_DIM);
    for (size_t i = 0; i < table->n_rows; i++) {
        const char *texts[COLUMN_COUNT];

        for (int column = 0; column < COLUMN_COUNT; column++)
            texts[column] = table->cells[i][column].text;
        put_line(t, table, texts, table->recommended[i] ? LAYOUT_BOLD : LAYOUT_PLAIN);
    }
}

static void add_share(struct buffer *b, double fidelity)
{
    if (fidelity > 0.0)
        buffer_format(b, " (fidelity %s)", format_share_fine(fidelity).text);
    else
        buffer_add(b, ": not at all this run");
}

/* How far the numbers can be trusted: the program as it is now, replayed and simulated, against the program itself. */
static void add_fidelity(const struct text *t, struct buffer *b)
{
    const struct evidence *e = &t->a->evidence;

    if (e->replayed_now_ns == 0 && e->forecast_now_ns == 0)
        return;
    buffer_format(b, "; the program as it is now took %s", format_duration_fine(t->m->wall_ns).text);
    if (e->replayed_now_ns > 0) {
        buffer_format(b, ", replayed %s", format_duration_fine(e->replayed_now_ns).text);
        add_share(b, e->fidelity);
    }
    if (e->forecast_now_ns > 0) {
        buffer_format(b, ", simulated %s", format_duration_fine(e->forecast_now_ns).text);
        add_share(b, e->forecast_fidelity);
    }
}

/* The table is for other CPUs than those of the run. */
static bool is_elsewhere(const struct text *t)
{
    return t->a->evidence.cpus > 0 && t->a->evidence.cpus != measurement_cpus(t->m);
}

static void origin(struct text *t)
{
    const struct evidence *e = &t->a->evidence;
    AUTO_BUFFER b = {0};

    if (is_elsewhere(t))
        buffer_format(&b, "a forecast for %u CPU%s from a run on %u, which can't be replayed here", e->cpus,
                      e->cpus == 1 ? "" : "s", measurement_cpus(t->m));
    else if (e->runs == 0)
        buffer_add(&b, "a forecast from the recorded run; nothing was replayed");
    else
        buffer_format(&b, e->runs == 1 ? "%zu run per model" : "%zu interleaved runs per model", e->runs);
    add_fidelity(t, &b);
    for (int i = 0; i < MODEL_COUNT; i++)
        if (e->models[i].agreement > 0.0) {
            buffer_add(&b, "; SIM: the simulation against the replay");
            break;
        }
    layout_paragraph(&t->layout, "EVIDENCE", TEXT_INDENT, 0, buffer_text(&b));
    text_check(t, &b);
}

static void remarks(struct text *t)
{
    const struct evidence *e = &t->a->evidence;
    AUTO_BUFFER ties = {0};

    for (size_t i = 0; i < e->n_ties && i < MODEL_COUNT; i++)
        buffer_format(&ties, "%s%s", i > 0 ? ", " : "", wording_model(e->ties[i]));
    if (ties.length > 0) {
        buffer_format(&ties, " can't be told from %s by these numbers%s.", wording_model(t->a->recommendation.model),
                      evidence_rows_tie_breaker(t->a));
        layout_paragraph(&t->layout, "  tie", TEXT_INDENT, 0, buffer_text(&ties));
    }
    if (e->disagrees)
        layout_paragraph(&t->layout, "  differs", TEXT_INDENT, 0,
                         "The tree and the measurement disagree: the reasons under PATH lead to another model, and the "
                         "measured replay won.");
    if (e->replays_distrusted && e->runs > 0)
        layout_paragraph(&t->layout, "  replay", TEXT_INDENT, 0,
                         "The replays do not reproduce this run, perhaps because the machine is busy; the simulation "
                         "does better, and the table is its.");
    if (e->waits_unknown)
        layout_paragraph(&t->layout, "  unknown", TEXT_INDENT, 0,
                         "How many waits of the event loop overlapped is not known: serial, threads and processes are "
                         "not forecast.");
    text_check(t, &ties);
}

void text_evidence(struct text *t)
{
    struct table table = {.replayed = t->a->evidence.runs > 0 && !t->a->evidence.replays_distrusted};

    if (t->a->recommendation.model == MODEL_NONE)
        return;
    fill(&table, t->a);
    if (table.n_rows == 0)
        return;
    measure(&table, t->layout.width);
    origin(t);
    put_table(t, &table);
    remarks(t);
    text_scaling(t);
}
