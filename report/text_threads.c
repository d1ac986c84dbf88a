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

static void thread_row(struct text *t, const struct thread *thread)
{
    AUTO_BUFFER b = {0}, name = {0}, wait = {0};

    escape_terminal_field(&name, thread->name, sizeof(thread->name), t->layout.utf8);
    add_main_wait(t, &wait, thread);
    buffer_format(&b, "  %8d ", thread->tid);
    layout_put(&t->layout, LAYOUT_PLAIN, buffer_text(&b));
    layout_cell(&t->layout, LAYOUT_PLAIN, buffer_text(&name), t->layout.width >= 72 ? 15 : 9);
    buffer_reset(&b);
    buffer_format(&b, " %9s %6s %6s ", format_duration(lifetime(thread)).text,
                  format_share_of(thread->on_cpu_ns, lifetime(thread)).text,
                  format_share_of(thread->runnable_ns, lifetime(thread)).text);
    if (t->layout.width >= 60)
        buffer_add(&b, buffer_text(&wait));
    layout_put(&t->layout, LAYOUT_PLAIN, buffer_text(&b));
    layout_end(&t->layout);
    text_check(t, &b);
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
    layout_put(&t->layout, LAYOUT_BOLD, buffer_text(&title));
    layout_end(&t->layout);
    buffer_reset(&title);
    buffer_format(&title, "  %8s %-*s %9s %6s %6s %s", "TID", t->layout.width >= 72 ? 15 : 9, "NAME", "LIFE", "CPU",
                  "QUEUE", t->layout.width >= 60 ? "WAITED MOST FOR" : "");
    layout_put(&t->layout, LAYOUT_DIM, buffer_text(&title));
    layout_end(&t->layout);
    for (size_t i = 0; i < shown; i++)
        thread_row(t, order[i]);
    text_check(t, &title);
}
