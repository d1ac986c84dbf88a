/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/text.h"

#include "report/escape.h"
#include "report/format.h"
#include "report/time_rows.h"
#include "report/wording.h"

/* "  " label(14) share(6) " " bar: the bar begins here. */
#define LABEL_COLUMNS 14
#define BAR_BEGIN (2 + LABEL_COLUMNS + 6 + 1)

/* Places stand beside the bars from here on; narrower, they have lines of their own. */
#define PLACES_WIDTH 60

static double cores_busy(const struct measurement *m)
{
    return m->wall_ns ? (double)m->on_cpu_ns / (double)m->wall_ns : 0.0;
}

static void bar(const struct text *t, size_t columns, bool on_cpu)
{
    AUTO_BUFFER b = {0};

    for (size_t i = 0; i < columns; i++)
        buffer_add(&b, t->layout.utf8 ? "\xe2\x96\x88" : "#");
    layout_put(&t->layout, on_cpu ? LAYOUT_GOOD : LAYOUT_PLAIN, buffer_text(&b));
}

/* "parse crawl.py:88 (64 %)": where most of a row was spent, and how much of the row that was; a tenth is no answer. */
static void add_row_place(struct text *t, struct buffer *b, const struct time_row *row, size_t columns)
{
    uint64_t time_ns = 0;
    const struct frame *frame = row->placed ? time_rows_top_frame(t->m, row->on_cpu, row->cause, &time_ns) : NULL;
    AUTO_BUFFER place = {0}, share = {0};

    text_place(t, &place, frame);
    if (place.length == 0 || time_ns < row->time_ns / 10)
        return;
    if (time_ns < row->time_ns - row->time_ns / 100)
        buffer_format(&share, " (%s)", format_share_of(time_ns, row->time_ns).text);
    if (frame->file && strcmp(frame->function, "?") != 0) {
        escape_terminal(b, frame->function, t->layout.utf8);
        buffer_add(b, " ");
    }
    buffer_format(b, "%s%s", buffer_text(&place), buffer_text(&share));
    if (escape_columns(buffer_text(b)) > columns) {
        /* The line says more than the function's name. */
        buffer_reset(b);
        buffer_format(b, "%s%s", buffer_text(&place), buffer_text(&share));
    }
    if (escape_columns(buffer_text(b)) > columns) {
        buffer_reset(b);
        buffer_add(b, buffer_text(&place));
    }
    text_check(t, &place);
    text_check(t, &share);
}

/* Columns that a full bar may take, and the places beside it. */
struct columns {
    size_t bar;
    size_t place; /* 0: below the row */
};

static struct columns divide(const struct text *t, bool places)
{
    size_t room = t->layout.width - BAR_BEGIN;
    struct columns columns = {.bar = room};

    if (places && t->layout.width >= PLACES_WIDTH) {
        columns.place = room * 3 / 5;
        columns.bar = room - columns.place - 2;
    }
    return columns;
}

static void time_row(struct text *t, const struct time_row *row, struct columns room)
{
    const struct layout *l = &t->layout;
    double share = (double)row->time_ns / (double)t->m->thread_time_ns;
    size_t columns = (size_t)(share * (double)room.bar + 0.5);
    size_t place_columns = room.place ? room.place : l->width - 4;
    AUTO_BUFFER place = {0};

    columns = columns > room.bar ? room.bar : columns == 0 && share >= 0.01 ? 1 : columns;
    add_row_place(t, &place, row, place_columns);
    layout_pad(l, 2);
    layout_cell(l, LAYOUT_PLAIN, row->label, LABEL_COLUMNS);
    (void)fprintf(l->out, "%6s", format_share(share).text);
    if (columns > 0) {
        layout_pad(l, 1);
        bar(t, columns, row->on_cpu);
    }
    if (place.length > 0) {
        size_t used = escape_columns(buffer_text(&place));

        if (room.place > 0) {
            layout_pad(l, room.bar + 2 - columns + (columns > 0 ? 0 : 1));
        } else {
            layout_end(l);
            layout_pad(l, 4);
        }
        layout_cell(l, LAYOUT_PLAIN, buffer_text(&place), used < place_columns ? used : place_columns);
    }
    layout_end(l);
    text_check(t, &place);
}

/* Rows below half a percent say little one by one: they share a row. */
static void time_rows(struct text *t)
{
    struct time_row rows[TIME_ROWS_MAX];
    struct time_row rest = {.label = "the rest"};
    size_t n = time_rows_collect(t->m, rows);
    bool places = false;
    struct columns columns;

    for (size_t i = 0; i < n && !places; i++)
        places = rows[i].placed && time_rows_top_frame(t->m, rows[i].on_cpu, rows[i].cause, &(uint64_t){0});
    columns = divide(t, places);
    for (size_t i = 0; i < n; i++) {
        if (rows[i].on_cpu || rows[i].time_ns >= t->m->thread_time_ns / 200)
            time_row(t, &rows[i], columns);
        else
            rest.time_ns += rows[i].time_ns;
    }
    if (rest.time_ns > 0)
        time_row(t, &rest, columns);
    if (t->m->unattributed_ns > 0)
        time_row(t, &(struct time_row){.label = "unattributed", .time_ns = t->m->unattributed_ns}, columns);
}

static void lost_row(struct text *t)
{
    const struct loss *loss = &t->m->loss;
    AUTO_BUFFER b = {0};

    if (loss->threads_dropped > 0)
        buffer_format(&b, "%s threads found no slot: their time is not above. ",
                      format_count(loss->threads_dropped).text);
    if (loss->slices_dropped > 0)
        buffer_format(&b, "%s slices did not reach the forecast; the shares above are exact. ",
                      format_count(loss->slices_dropped).text);
    if (loss->repaired_ns > 0 && loss->repaired_ns >= t->m->thread_time_ns / 1000)
        buffer_format(&b, "%s switches went unseen; the kernel's counters put their %s right.",
                      format_count(loss->repaired).text, format_duration(loss->repaired_ns).text);
    if (b.length > 0)
        layout_paragraph(&t->layout, "  lost", 2 + LABEL_COLUMNS + 2, 0, buffer_text(&b));
    text_check(t, &b);
}

static void cpu_line(struct text *t)
{
    const struct measurement *m = t->m;
    AUTO_BUFFER b = {0};

    if (m->user_ns + m->system_ns + m->voluntary_switches + m->involuntary_switches == 0)
        return;
    if (m->user_ns + m->system_ns > 0)
        buffer_format(&b, "user %s, system %s; ", format_duration(m->user_ns).text, format_duration(m->system_ns).text);
    buffer_format(&b, "%s waits, %s preemptions", format_count(m->voluntary_switches).text,
                  format_count(m->involuntary_switches).text);
    if (m->cpu_samples > 0 && m->target.runtime.interpreter_lock == INTERPRETER_LOCK_PRESENT)
        buffer_format(&b, "; %s of the CPU time held the %s",
                      format_share_of(m->lock_held_samples, m->cpu_samples).text,
                      wording_interpreter_lock(m->target.runtime.kind));
    layout_paragraph(&t->layout, "  CPU", 2 + LABEL_COLUMNS + 2, 0, buffer_text(&b));
    text_check(t, &b);
}

/* "CPUs busy: 0 for 12 %, 1 for 81 %, 5-8 for 7 %": up to four busy CPUs one by one, then in powers of two. */
static void add_histogram(struct buffer *b, const struct measurement *m)
{
    const char *separator = "; CPUs busy: ";
    uint64_t total = 0;

    for (size_t k = 0; k < m->n_parallelism; k++)
        total += m->parallelism_ns[k];
    for (size_t low = 0, high = 0; low < m->n_parallelism; low = high + 1) {
        uint64_t time_ns = 0;

        high = low <= 4 ? low : (low - 1) * 2;
        if (high >= m->n_parallelism)
            high = m->n_parallelism - 1;
        for (size_t k = low; k <= high; k++)
            time_ns += m->parallelism_ns[k];
        if (time_ns < total / 200 || time_ns == 0)
            continue;
        buffer_format(b, high > low ? "%s%zu-%zu" : "%s%zu", separator, low, high);
        buffer_format(b, " for %s", format_share_of(time_ns, total).text);
        separator = ", ";
    }
}

static void parallel_line(struct text *t)
{
    const struct measurement *m = t->m;
    AUTO_BUFFER b = {0};
    size_t peak = m->n_parallelism;

    if (m->n_parallelism == 0)
        return;
    while (peak > 0 && m->parallelism_ns[peak - 1] == 0)
        peak--;
    buffer_format(&b, "mean %s, peak %zu of %u CPUs", format_cores(cores_busy(m)).text, peak ? peak - 1 : 0,
                  measurement_cpus(m));
    add_histogram(&b, m);
    if (m->max_live_threads > 1)
        buffer_format(&b, "; at most %s threads alive", format_count(m->max_live_threads).text);
    if (m->max_live_processes > 1)
        buffer_format(&b, " in %s processes", format_count(m->max_live_processes).text);
    layout_paragraph(&t->layout, "  parallel", 2 + LABEL_COLUMNS + 2, 0, buffer_text(&b));
    text_check(t, &b);
}

static void memory_line(struct text *t)
{
    const struct measurement *m = t->m;
    const struct process *largest = NULL;
    AUTO_BUFFER b = {0};

    for (size_t i = 0; i < m->n_processes; i++)
        if (!largest || m->processes[i].peak_rss_bytes > largest->peak_rss_bytes)
            largest = &m->processes[i];
    if (!largest || largest->peak_rss_bytes == 0)
        return;
    buffer_format(&b, "peak %s", format_bytes(largest->peak_rss_bytes).text);
    if (m->processes_total > 1) {
        buffer_format(&b, " in process %d (", largest->pid);
        escape_terminal_field(&b, largest->name, sizeof(largest->name), t->layout.utf8);
        buffer_add(&b, "), the largest");
    }
    buffer_format(&b, "; the machine has %s", format_bytes(m->machine.memory_bytes).text);
    if (m->machine.memory_limit_bytes > 0 && m->machine.memory_limit_bytes < m->machine.memory_bytes)
        buffer_format(&b, ", the cgroup allows %s", format_bytes(m->machine.memory_limit_bytes).text);
    layout_paragraph(&t->layout, "  memory", 2 + LABEL_COLUMNS + 2, 0, buffer_text(&b));
    text_check(t, &b);
}

void text_time(struct text *t)
{
    const struct measurement *m = t->m;
    AUTO_BUFFER title = {0};

    if (m->thread_time_ns == 0)
        return;
    buffer_format(&title, "WHERE THREAD TIME WENT (%s thread%s, %s; %s cores busy)",
                  format_count(m->threads_total).text, m->threads_total == 1 ? "" : "s",
                  format_duration(m->thread_time_ns).text, format_cores(cores_busy(m)).text);
    layout_paragraph_styled(&t->layout, "", 0, LAYOUT_BOLD, buffer_text(&title));
    time_rows(t);
    lost_row(t);
    cpu_line(t);
    parallel_line(t);
    memory_line(t);
    text_check(t, &title);
}
