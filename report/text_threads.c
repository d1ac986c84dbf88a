/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/text.h"

#include "report/escape.h"
#include "report/format.h"
#include "report/wording.h"

/* Threads shown; the JSON report has them all. */
#define SHOWN 20

static uint64_t lifetime(const struct thread *thread)
{
    return thread->death_ns - thread->birth_ns;
}

static int by_cpu(const void *left, const void *right)
{
    const struct thread *a = *(const struct thread *const *)left, *b = *(const struct thread *const *)right;

    if (a->on_cpu_ns != b->on_cpu_ns)
        return a->on_cpu_ns < b->on_cpu_ns ? 1 : -1;
    if (lifetime(a) != lifetime(b))
        return lifetime(a) < lifetime(b) ? 1 : -1;
    return a->tid < b->tid ? -1 : a->tid > b->tid;
}

/* The cause a thread was blocked on most, and its share of the thread's life. */
static void add_main_wait(const struct text *t, struct buffer *b, const struct thread *thread)
{
    int most = 0;

    for (int cause = 1; cause < CAUSE_COUNT; cause++)
        if (thread->blocked_ns[cause] > thread->blocked_ns[most])
            most = cause;
    if (thread->blocked_ns[most] == 0)
        buffer_add(b, "-");
    else
        buffer_format(b, "%s %s", wording_cause((enum cause)most, t->m->target.runtime.kind),
                      format_share_of(thread->blocked_ns[most], lifetime(thread)).text);
}

/* One line: the last column takes what the width leaves; below 60 columns the last two are left out. */
static void put_line(struct text *t, const char *tid, const char *name, const char *life, const char *cpu,
                     const char *queue, const char *wait, enum layout_style style)
{
    const struct layout *l = &t->layout;
    size_t name_columns = l->width < 72 ? 9 : 15;
    size_t room;
    AUTO_BUFFER b = {0};

    buffer_format(&b, "%9s ", tid);
    layout_put(l, style, buffer_text(&b));
    layout_cell(l, style, name, name_columns);
    room = l->width - b.length - name_columns;
    buffer_reset(&b);
    buffer_format(&b, " %11s %6s", life, cpu);
    if (l->width >= 60)
        buffer_format(&b, " %6s ", queue);
    layout_put(l, style, buffer_text(&b));
    room -= b.length;
    if (l->width >= 60)
        layout_cell(l, style, wait, escape_columns(wait) < room ? escape_columns(wait) : room);
    layout_end(l);
    text_check(t, &b);
}

static void thread_row(struct text *t, const struct thread *thread)
{
    AUTO_BUFFER tid = {0}, name = {0}, wait = {0};

    buffer_format(&tid, "%d", thread->tid);
    escape_terminal_field(&name, thread->name, sizeof(thread->name), t->layout.utf8);
    add_main_wait(t, &wait, thread);
    put_line(t, buffer_text(&tid), buffer_text(&name), format_duration(lifetime(thread)).text,
             format_share_of(thread->on_cpu_ns, lifetime(thread)).text,
             format_share_of(thread->runnable_ns, lifetime(thread)).text, buffer_text(&wait), LAYOUT_PLAIN);
    text_check(t, &tid);
    text_check(t, &name);
    text_check(t, &wait);
}

void text_threads(struct text *t)
{
    const struct measurement *m = t->m;
    size_t shown = m->n_threads < SHOWN ? m->n_threads : SHOWN;
    AUTO_FREE const struct thread **order = NULL;
    AUTO_BUFFER title = {0};

    if (m->n_threads == 0)
        return;
    order = calloc(m->n_threads, sizeof(*order));
    if (!order) {
        t->error = t->error ? t->error : -ENOMEM;
        return;
    }
    for (size_t i = 0; i < m->n_threads; i++)
        order[i] = &m->threads[i];
    qsort(order, m->n_threads, sizeof(*order), by_cpu);

    buffer_add(&title, "THREADS");
    if (m->threads_total > shown)
        buffer_format(&title, " (%zu of %s, most CPU time first)", shown, format_count(m->threads_total).text);
    layout_paragraph_styled(&t->layout, "", 0, LAYOUT_BOLD, buffer_text(&title));
    put_line(t, "TID", "NAME", "LIFE", "CPU", "QUEUE", "WAITED MOST FOR", LAYOUT_DIM);
    for (size_t i = 0; i < shown; i++)
        thread_row(t, order[i]);
    text_check(t, &title);
}
