/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/text.h"

#include "report/escape.h"

void text_check(struct text *t, const struct buffer *b)
{
    if (!t->error)
        t->error = b->error;
}

const struct frame *text_site_frame(const struct site *site)
{
    return advice_near_frame_in(site->frames, site->n_frames);
}

void text_place(struct text *t, struct buffer *b, const struct frame *frame)
{
    if (!frame)
        return;
    if (frame->file) {
        escape_terminal(b, base_last_part(frame->file), t->layout.utf8);
        if (frame->line > 0)
            buffer_format(b, ":%u", frame->line);
    } else if (strcmp(frame->function, "?") != 0) {
        escape_terminal(b, frame->function, t->layout.utf8);
        buffer_add(b, "()");
    } else if (frame->module) {
        escape_terminal(b, base_last_part(frame->module), t->layout.utf8);
    }
}

void text_spot(struct text *t, struct buffer *b, const struct frame *frame)
{
    bool named = frame && strcmp(frame->function, "?") != 0;

    if (named && frame->file) {
        escape_terminal(b, frame->function, t->layout.utf8);
        buffer_add(b, " (");
    }
    text_place(t, b, frame);
    if (named && frame->file)
        buffer_add(b, ")");
}

static void add_frame(struct text *t, struct buffer *b, const struct frame *frame)
{
    escape_terminal(b, frame->function, t->layout.utf8);
    if (!frame->file)
        return;
    buffer_add(b, " (");
    text_place(t, b, frame);
    buffer_add(b, ")");
}

void text_stack(struct text *t, struct buffer *b, const struct frame *frames, size_t n, size_t most)
{
    const struct frame *own = advice_own_frame_in(frames, n);
    size_t at = own ? (size_t)(own - frames) : 0, shown = 0;

    for (size_t i = 0; i < n && shown < most; i++, shown++) {
        buffer_add(b, i == 0 ? "" : " < ");
        /* People's own code must not fall behind what the libraries below it do. */
        if (shown == most / 2 && at > i + 1 && at >= most) {
            buffer_add(b, "... < ");
            i = at;
        }
        add_frame(t, b, &frames[i]);
        if (shown + 1 == most && i + 1 < n)
            buffer_format(b, " < %zu more", n - i - 1);
    }
}

int text_write(struct text *t)
{
    text_header(t);
    layout_end(&t->layout);
    text_verdict(t);
    layout_end(&t->layout);
    text_time(t);
    text_critical_path(t);
    text_waits(t);
    text_findings(t);
    text_evidence(t);
    text_notes(t);
    if (t->verbose) {
        text_sites(t);
        text_threads(t);
    }
    return t->error;
}
