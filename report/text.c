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
    const struct frame *own = advice_own_frame(site);

    if (own)
        return own;
    for (size_t i = 0; i < site->n_frames; i++)
        if (site->frames[i].file)
            return &site->frames[i];
    return site->n_frames > 0 ? &site->frames[0] : NULL;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash && slash[1] ? slash + 1 : path;
}

void text_place(struct text *t, struct buffer *b, const struct frame *frame)
{
    if (!frame)
        return;
    if (frame->file) {
        escape_terminal(b, base_name(frame->file), t->layout.utf8);
        if (frame->line > 0)
            buffer_format(b, ":%u", frame->line);
    } else if (strcmp(frame->function, "?") != 0) {
        escape_terminal(b, frame->function, t->layout.utf8);
        buffer_add(b, "()");
    } else if (frame->module) {
        escape_terminal(b, base_name(frame->module), t->layout.utf8);
    }
}

int text_write(struct text *t)
{
    text_header(t);
    layout_end(&t->layout);
    text_verdict(t);
    layout_end(&t->layout);
    text_time(t);
    text_findings(t);
    text_evidence(t);
    text_notes(t);
    if (t->verbose)
        text_threads(t);
    return t->error;
}
