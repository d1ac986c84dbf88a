/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/base.h"
#include "base/utf8.h"
#include "report/escape.h"
#include "report/format.h"
#include "report/html/html_parts.h"
#include "report/html/timeline_rows.h"
#include "report/time_rows.h"
#include "report/wording.h"

/* Rows of the table that stands in for the timeline. */
#define THREADS_SHOWN 100

/* Names of templates go on for pages. */
#define MOST_NAME 200
#define MOST_PATH 400

static void add_cut(struct buffer *b, const char *raw, size_t most)
{
    size_t n = utf8_cut(raw, most);
    AUTO_FREE char *text = strndup(raw, n);

    if (!text && !b->error)
        b->error = -ENOMEM;
    escape_html(b, text);
    if (raw[n])
        buffer_add(b, "...");
}

void html_place(struct buffer *b, const struct frame *frame)
{
    bool named = frame && strcmp(frame->function, "?") != 0;

    if (!frame)
        return;
    if (named) {
        buffer_add(b, "<code>");
        add_cut(b, frame->function, MOST_NAME);
        buffer_add(b, "</code> ");
    }
    if (!frame->file && !frame->module)
        return;
    buffer_add(b, "<span class=\"file\" title=\"");
    add_cut(b, frame->file ? frame->file : frame->module, MOST_PATH);
    buffer_add(b, "\">");
    add_cut(b, base_last_part(frame->file ? frame->file : frame->module), MOST_NAME);
    if (frame->file && frame->line > 0)
        buffer_format(b, ":%u", frame->line);
    buffer_add(b, "</span>");
}

/* The class that gives a state its colour and pattern: the same in table, timeline and flame graph. */
static unsigned state_of(const struct time_row *row)
{
    if (row->on_cpu)
        return TIMELINE_ON_CPU;
    return strcmp(row->label, "run queue") == 0 ? TIMELINE_RUNNABLE : TIMELINE_BLOCKED + (unsigned)row->cause;
}

static void add_row(struct html *h, const struct time_row *row)
{
    const struct measurement *m = h->m;
    double percent = 100.0 * (double)row->time_ns / (double)m->thread_time_ns;
    uint64_t place_ns = 0;
    const struct frame *frame = row->placed ? time_rows_top_frame(m, row->on_cpu, row->cause, &place_ns) : NULL;

    buffer_format(
        h->b,
        "<tr><th scope=\"row\"><svg class=\"key\" width=\"14\" height=\"14\" aria-hidden=\"true\">"
        "<rect class=\"s%u\" width=\"14\" height=\"14\"/></svg> %s</th><td class=\"n\">%s</td><td class=\"n\">"
        "%s</td><td><svg class=\"bar\" width=\"100%%\" height=\"12\" aria-hidden=\"true\"><rect class=\"s%u\" "
        "width=\"%.2f%%\" height=\"12\"/></svg></td><td>",
        state_of(row), row->label, format_share_of(row->time_ns, m->thread_time_ns).text,
        format_duration(row->time_ns).text, state_of(row), percent);
    if (place_ns >= row->time_ns / 10)
        html_place(h->b, frame);
    buffer_add(h->b, "</td></tr>\n");
}

void html_time(struct html *h)
{
    const struct measurement *m = h->m;
    struct time_row rows[TIME_ROWS_MAX];
    size_t n = time_rows_collect(m, rows);
    double cores = m->wall_ns ? (double)m->on_cpu_ns / (double)m->wall_ns : 0.0;

    if (m->thread_time_ns == 0)
        return;
    buffer_format(h->b,
                  "<section id=\"time\">\n<h2>Where thread time went</h2>\n<p>%s thread%s, %s of thread time, %s CPUs "
                  "busy on average.</p>\n<table class=\"time\"><thead><tr><th>state</th><th class=\"n\">share</th>"
                  "<th class=\"n\">time</th><th></th><th>mostly at</th></tr></thead>\n<tbody>\n",
                  format_count(m->threads_total).text, m->threads_total == 1 ? "" : "s",
                  format_duration(m->thread_time_ns).text, format_cores(cores).text);
    for (size_t i = 0; i < n; i++)
        add_row(h, &rows[i]);
    if (m->unattributed_ns > 0)
        buffer_format(h->b,
                      "<tr><th scope=\"row\">unattributed</th><td class=\"n\">%s</td><td class=\"n\">%s</td><td></td>"
                      "<td></td></tr>\n",
                      format_share_of(m->unattributed_ns, m->thread_time_ns).text,
                      format_duration(m->unattributed_ns).text);
    buffer_add(h->b, "</tbody></table>\n</section>\n");
}

static int by_life(const void *a, const void *b)
{
    const struct thread *left = *(const struct thread *const *)a, *right = *(const struct thread *const *)b;

    if (left->on_cpu_ns != right->on_cpu_ns)
        return left->on_cpu_ns < right->on_cpu_ns ? 1 : -1;
    return left < right ? -1 : left > right;
}

static void add_thread(struct html *h, const struct thread *thread)
{
    AUTO_FREE char *name = strndup(thread->name, sizeof(thread->name));
    enum cause most = 0;

    if (!name)
        h->b->error = -ENOMEM;
    for (int cause = 1; cause < CAUSE_COUNT; cause++)
        if (thread->blocked_ns[cause] > thread->blocked_ns[most])
            most = (enum cause)cause;
    buffer_add(h->b, "<tr><td>");
    escape_html(h->b, name);
    buffer_format(h->b,
                  "</td><td class=\"n\">%d</td><td class=\"n\">%d</td><td class=\"n\">%s</td><td class=\"n\">%s</td>",
                  (int)thread->pid, (int)thread->tid, format_duration(thread->death_ns - thread->birth_ns).text,
                  format_duration(thread->on_cpu_ns).text);
    buffer_format(h->b, "<td class=\"n\">%s</td><td>%s", format_duration(thread->runnable_ns).text,
                  thread->blocked_ns[most] > 0 ? wording_cause(most, h->m->target.runtime.kind) : "");
    if (thread->blocked_ns[most] > 0)
        buffer_format(h->b, " %s", format_duration(thread->blocked_ns[most]).text);
    buffer_add(h->b, "</td></tr>\n");
}

/* For readers without the script, on paper, and for those who rather read: the busiest threads. */
void html_threads(struct html *h)
{
    const struct measurement *m = h->m;
    AUTO_FREE const struct thread **threads = calloc(m->n_threads + 1, sizeof(*threads));
    size_t shown = m->n_threads < THREADS_SHOWN ? m->n_threads : THREADS_SHOWN;

    if (!threads) {
        h->b->error = -ENOMEM;
        return;
    }
    for (size_t i = 0; i < m->n_threads; i++)
        threads[i] = &m->threads[i];
    qsort(threads, m->n_threads, sizeof(*threads), by_life);
    buffer_format(
        h->b,
        "<section id=\"threads\">\n<h2>Threads</h2>\n<div id=\"timeline\"></div>\n<details><summary>As a table: "
        "the %zu busiest of %s</summary>\n<table><thead><tr><th>name</th><th class=\"n\">process</th><th "
        "class=\"n\">thread</th><th class=\"n\">lived</th><th class=\"n\">on-CPU</th><th class=\"n\">run queue"
        "</th><th>waited most for</th></tr></thead>\n<tbody>\n",
        shown, format_count(m->threads_total).text);
    for (size_t i = 0; i < shown; i++)
        add_thread(h, threads[i]);
    buffer_add(h->b, "</tbody></table></details>\n</section>\n<section id=\"stacks\">\n<h2>Where: stacks</h2>\n<div "
                     "id=\"flame\"></div>\n<noscript><p>The flame graph needs the page's script; the places with most "
                     "time stand in the table above and under the findings.</p></noscript>\n</section>\n");
}
