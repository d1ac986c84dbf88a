/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/live_view.h"

#include "analyzer/advice.h"
#include "report/escape.h"
#include "report/format.h"
#include "report/report.h"
#include "report/text.h"
#include "report/wording.h"

/* " THREADS  STATE            LAST        TOTAL  WHERE" */
#define THREADS_COLUMNS 8
#define LABEL_COLUMNS 14
#define SHARE_COLUMNS 6
#define TOTAL_COLUMNS 13 /* "59 min 59 s" and two spaces */
#define TOTAL_WIDTH (THREADS_COLUMNS + 2 + LABEL_COLUMNS + 1 + SHARE_COLUMNS + TOTAL_COLUMNS)
#define PLACE_LEAST 8 /* columns; a shorter one says nothing */

/* Narrow: "   6 GIL wait    81 %" */
#define NARROW_THREADS_COLUMNS 4

static int by_share(const void *left, const void *right)
{
    const struct live_state *a = *(const struct live_state *const *)left, *b = *(const struct live_state *const *)right;

    if (a->recent_ns != b->recent_ns)
        return a->recent_ns < b->recent_ns ? 1 : -1;
    if (a->threads != b->threads)
        return a->threads < b->threads ? 1 : -1;
    return (a->time_ns < b->time_ns) - (a->time_ns > b->time_ns);
}

static const char *label_of(const struct live_state *state, enum runtime_kind runtime)
{
    switch (state->kind) {
    case LIVE_ON_CPU:
        return "on-CPU";
    case LIVE_RUNNABLE:
        return "run queue";
    case LIVE_BLOCKED:
        return wording_cause(state->cause, runtime);
    case LIVE_UNATTRIBUTED:
        break;
    }
    return "unattributed";
}

/* "parse crawl.py:88"; the line says more than the function's name where both are too long. */
static void add_place(struct text *t, struct buffer *b, const struct live_state *state, size_t columns)
{
    const struct frame *frame = advice_near_frame_in(state->frames, state->n_frames);

    if (!frame)
        return;
    if (frame->file && strcmp(frame->function, "?") != 0) {
        escape_terminal(b, frame->function, t->layout.utf8);
        buffer_add(b, " ");
    }
    text_place(t, b, frame);
    if (escape_columns(buffer_text(b)) > columns) {
        buffer_reset(b);
        text_place(t, b, frame);
    }
}

static void narrow_row(const struct layout *l, const struct live_state *state, const char *label, const char *share)
{
    size_t used = NARROW_THREADS_COLUMNS + 1 + SHARE_COLUMNS;

    (void)fprintf(l->out, "%*s ", NARROW_THREADS_COLUMNS, format_count(state->threads).text);
    layout_cell(l, state->kind == LIVE_ON_CPU ? LAYOUT_GOOD : LAYOUT_PLAIN, label,
                l->width > used ? l->width - used : 1);
    (void)fprintf(l->out, "%*s\n", SHARE_COLUMNS, share);
}

static void row(struct text *t, const struct live_state *state, const struct live_view *view, uint64_t recent_ns)
{
    const struct layout *l = &t->layout;
    const char *label = label_of(state, view->runtime);
    struct format_text share = format_share_of(state->recent_ns, recent_ns);
    size_t room = l->width > TOTAL_WIDTH + 2 ? l->width - TOTAL_WIDTH - 2 : 0;
    AUTO_BUFFER place = {0};

    if (l->width < TOTAL_WIDTH) {
        narrow_row(l, state, label, share.text);
        return;
    }
    (void)fprintf(l->out, "%*s  ", THREADS_COLUMNS, format_count(state->threads).text);
    layout_cell(l, state->kind == LIVE_ON_CPU ? LAYOUT_GOOD : LAYOUT_PLAIN, label, LABEL_COLUMNS);
    (void)fprintf(l->out, " %*s%*s", SHARE_COLUMNS, share.text, TOTAL_COLUMNS, format_duration(state->time_ns).text);
    if (room >= PLACE_LEAST)
        add_place(t, &place, state, room);
    if (place.length > 0) {
        size_t columns = escape_columns(buffer_text(&place));

        layout_pad(l, 2);
        layout_cell(l, LAYOUT_PLAIN, buffer_text(&place), columns < room ? columns : room);
    }
    layout_end(l);
    text_check(t, &place);
}

static void cut(const struct layout *l, enum layout_style style, const char *text)
{
    size_t columns = escape_columns(text);

    layout_cell(l, style, text, columns < l->width ? columns : l->width);
    layout_end(l);
}

/* "concadvise: 2.50 s | 8 threads | 0.99 cores busy" */
static void summary(struct text *t, const struct live_view *view, const char *which)
{
    double busy = 0;
    AUTO_BUFFER b = {0};

    for (size_t i = 0; i < LIVE_STATES && view->interval_ns; i++)
        if (view->states[i].kind == LIVE_ON_CPU)
            busy = (double)view->states[i].recent_ns / (double)view->interval_ns;
    buffer_format(&b, "concadvise: %s%s | %s thread%s", which, format_duration(view->elapsed_ns).text,
                  format_count(view->threads).text, view->threads == 1 ? "" : "s");
    if (view->processes > 1)
        buffer_format(&b, " in %s processes", format_count(view->processes).text);
    buffer_format(&b, " | %s cores busy", format_cores(busy).text);
    cut(&t->layout, LAYOUT_BOLD, buffer_text(&b));
    text_check(t, &b);
}

static void heading(const struct layout *l)
{
    char text[128];

    if (l->width < TOTAL_WIDTH)
        return;
    (void)snprintf(text, sizeof(text), "%*s  %-*s %*s%*s  %s", THREADS_COLUMNS, "THREADS", LABEL_COLUMNS, "STATE",
                   SHARE_COLUMNS, "LAST", TOTAL_COLUMNS, "TOTAL", "WHERE");
    cut(l, LAYOUT_DIM, text);
}

/* What is over and was little goes unsaid. */
static size_t collect(const struct live_view *view, const struct live_state *rows[LIVE_STATES], uint64_t *ret_recent_ns)
{
    uint64_t all_ns = 0;
    size_t n = 0;

    *ret_recent_ns = 0;
    for (size_t i = 0; i < LIVE_STATES; i++) {
        *ret_recent_ns += view->states[i].recent_ns;
        all_ns += view->states[i].time_ns;
    }
    for (size_t i = 0; i < LIVE_STATES; i++) {
        const struct live_state *state = &view->states[i];

        if (state->threads || state->recent_ns || state->time_ns > all_ns / 100)
            rows[n++] = state;
    }
    qsort(rows, n, sizeof(rows[0]), by_share);
    return n;
}

int report_live(FILE *out, const struct live_view *view, const char *which, const struct report_options *options)
{
    struct text t = {.layout = {out, options->width, options->color, options->utf8}};
    const struct live_state *rows[LIVE_STATES];
    uint64_t recent_ns;
    size_t n = collect(view, rows, &recent_ns);

    summary(&t, view, which);
    heading(&t.layout);
    for (size_t i = 0; i < n; i++)
        row(&t, rows[i], view, recent_ns);
    return t.error ? t.error : ferror(out) ? -EIO : 0;
}
