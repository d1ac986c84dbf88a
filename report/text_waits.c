/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/text.h"

#include "report/escape.h"
#include "report/format.h"
#include "report/wording.h"

/* Below this share of thread time nobody needs to know who waited for whom. */
#define WAITS_WORTH 0.05
#define ROW_WORTH 0.01
#define ROWS_SHOWN 6
#define HOLDERS_SHOWN 2
#define HOLDERS_LOOKED_AT 64
#define PATH_PARTS_SHOWN 5
#define PATH_PART_WORTH 0.03

static const char *state_name(const struct text *t, enum path_state state, enum cause cause)
{
    switch (state) {
    case PATH_ON_CPU:
        return "on-CPU";
    case PATH_RUN_QUEUE:
        return "run queue";
    case PATH_UNKNOWN:
        return "not recorded";
    case PATH_BLOCKED:
        break;
    }
    return wording_cause(cause, t->m->target.runtime.kind);
}

/* "worker-2 on-CPU 61 % (parse, crawl.py:88)" */
static void add_part(struct text *t, struct buffer *b, const struct path_part *part)
{
    const struct frame *frame = advice_near_frame_in(part->frames, part->n_frames);
    AUTO_BUFFER place = {0};

    escape_terminal(b, part->who, t->layout.utf8);
    buffer_format(b, "%s%s %s", part->who[0] ? " " : "", state_name(t, part->state, part->cause),
                  format_share(part->share).text);
    text_place(t, &place, frame);
    if (place.length > 0) {
        buffer_add(b, " (");
        if (frame->file && strcmp(frame->function, "?") != 0) {
            escape_terminal(b, frame->function, t->layout.utf8);
            buffer_add(b, ", ");
        }
        buffer_format(b, "%s)", buffer_text(&place));
    }
    text_check(t, &place);
}

/* With -v: where the path stayed longest; moments are left out. */
static void stays(struct text *t)
{
    const char *label = "  longest";

    for (size_t i = 0; i < t->a->critical_path.n_stays; i++) {
        const struct path_stay *stay = &t->a->critical_path.stays[i];
        AUTO_BUFFER b = {0};

        if (stay->to_ns - stay->from_ns < t->a->critical_path.wall_ns / 100)
            continue;
        buffer_format(&b, "from %s ", format_duration(stay->from_ns).text);
        buffer_format(&b, "to %s in ", format_duration(stay->to_ns).text);
        escape_terminal(&b, stay->who, t->layout.utf8);
        buffer_format(&b, ": %s %s", state_name(t, stay->state, stay->cause),
                      format_share_of(stay->state_ns, stay->to_ns - stay->from_ns).text);
        layout_paragraph(&t->layout, label, 2 + TEXT_INDENT, 2, buffer_text(&b));
        label = "";
        text_check(t, &b);
    }
}

void text_critical_path(struct text *t)
{
    const struct critical_path *path = &t->a->critical_path;
    AUTO_BUFFER b = {0};
    double shown = 0.0;
    size_t n = 0;

    if (path->wall_ns == 0 || t->m->threads_total < 2)
        return;
    buffer_format(&b, "%s%s: ", format_duration(path->wall_ns).text, path->approximate ? " (approximate)" : "");
    for (; n < path->n_parts && n < PATH_PARTS_SHOWN && path->parts[n].share >= PATH_PART_WORTH; n++) {
        buffer_add(&b, n > 0 ? ", " : "");
        add_part(t, &b, &path->parts[n]);
        shown += path->parts[n].share;
    }
    if (n < path->n_parts && shown < 0.995)
        buffer_format(&b, "%sthe rest %s", n > 0 ? ", " : "", format_share(1.0 - shown).text);
    if (t->verbose)
        buffer_format(&b, "; %s hops between threads", format_count(path->hops).text);
    layout_paragraph(&t->layout, "CRITICAL PATH", strlen("CRITICAL PATH") + 2, 0, buffer_text(&b));
    if (t->verbose)
        stays(t);
    text_check(t, &b);
}

static void wait_row(struct text *t, const struct wait_for *wait)
{
    /* How a library wakes somebody, or a thread ends, is nobody's business. */
    const struct frame *ended = advice_own_frame_in(wait->waker_frames, wait->n_waker_frames);
    AUTO_BUFFER b = {0};

    escape_terminal(&b, wait->waiter, t->layout.utf8);
    buffer_format(&b, " waited %s (%s) for ", format_duration(wait->time_ns).text, format_share(wait->share).text);
    if (wait->one_another)
        buffer_add(&b, "one another");
    else
        escape_terminal(&b, wait->waker, t->layout.utf8);
    buffer_format(&b, ": %s", wording_cause(wait->cause, t->m->target.runtime.kind));
    if (wait->count > 1)
        buffer_format(&b, ", %s times", format_count(wait->count).text);
    if (wait->n_waiter_frames > 0) {
        buffer_add(&b, ", at ");
        text_spot(t, &b, advice_near_frame_in(wait->waiter_frames, wait->n_waiter_frames));
    }
    if (ended) {
        buffer_add(&b, ", ended at ");
        text_spot(t, &b, ended);
    }
    layout_paragraph(&t->layout, "", 2, 2, buffer_text(&b));
    text_check(t, &b);
}

/* Waits for a lock by where its holder was meanwhile. */
struct held {
    const struct site *site; /* the largest of them */
    const struct frame *frame;
    uint64_t time_ns;
};

static int by_held(const void *left, const void *right)
{
    const struct held *a = left, *b = right;

    if (a->time_ns != b->time_ns)
        return a->time_ns < b->time_ns ? 1 : -1;
    return a->site < b->site ? -1 : a->site > b->site;
}

/* Lines of one function are one row: the first, which held it longest, stands for them. */
static bool same_function(const struct held *held, const struct site *site, const struct frame *frame)
{
    const struct frame *other = held->frame;

    if (site->cause != held->site->cause || !frame != !other)
        return false;
    if (!frame)
        return site->tid == held->site->tid;
    if (strcmp(frame->function, other->function) != 0 || !frame->file != !other->file)
        return false;
    return !frame->file || strcmp(frame->file, other->file) == 0;
}

/* Holders are ranked: those beyond the first few matter to nobody. */
static size_t collect_held(const struct measurement *m, struct held held[HOLDERS_LOOKED_AT])
{
    size_t n = 0;

    for (size_t i = 0; i < m->n_holders && i < HOLDERS_LOOKED_AT; i++) {
        const struct site *site = &m->holders[i];
        const struct frame *frame = advice_program_frame_in(site->frames, site->n_frames);
        size_t at = 0;

        while (at < n && !same_function(&held[at], site, frame))
            at++;
        if (at == n)
            held[n++] = (struct held){.site = site, .frame = frame};
        held[at].time_ns += site->time_ns;
    }
    qsort(held, n, sizeof(*held), by_held);
    return n;
}

static void holder_row(struct text *t, const struct held *held)
{
    bool interpreter_lock = held->site->cause == CAUSE_INTERPRETER_LOCK;
    AUTO_BUFFER b = {0};

    buffer_format(&b, "%s of waits for %s%s while ", format_duration(held->time_ns).text,
                  interpreter_lock ? "the " : "a lock",
                  interpreter_lock ? wording_interpreter_lock(t->m->target.runtime.kind) : "");
    if (held->frame)
        text_spot(t, &b, held->frame);
    else
        buffer_format(&b, "thread %d", held->site->tid);
    buffer_add(&b, " held it");
    layout_paragraph(&t->layout, "", 2, 2, buffer_text(&b));
    text_check(t, &b);
}

static bool is_worth(const struct text *t, uint64_t time_ns, double share)
{
    uint64_t busy_ns = t->m->thread_time_ns - t->m->blocked_ns[CAUSE_IDLE];

    return busy_ns > 0 && (double)time_ns >= share * (double)busy_ns;
}

void text_waits(struct text *t)
{
    const struct measurement *m = t->m;
    uint64_t waited_ns = 0, held_ns = 0;
    struct held held[HOLDERS_LOOKED_AT];
    size_t rows = 0, n_held = collect_held(m, held);

    for (size_t i = 0; i < t->a->n_waits; i++)
        waited_ns += t->a->waits[i].time_ns;
    for (size_t i = 0; i < m->n_holders; i++)
        held_ns += m->holders[i].time_ns;
    if (!is_worth(t, waited_ns > held_ns ? waited_ns : held_ns, WAITS_WORTH))
        return;
    layout_paragraph_styled(&t->layout, "", 0, LAYOUT_BOLD, "WHO WAITED FOR WHOM");
    for (size_t i = 0; i < n_held && i < HOLDERS_SHOWN; i++) {
        if (is_worth(t, held[i].time_ns, ROW_WORTH)) {
            holder_row(t, &held[i]);
            rows++;
        }
    }
    for (size_t i = 0; i < t->a->n_waits && rows < ROWS_SHOWN; i++) {
        if (is_worth(t, t->a->waits[i].time_ns, ROW_WORTH)) {
            wait_row(t, &t->a->waits[i]);
            rows++;
        }
    }
}
