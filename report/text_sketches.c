/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/text.h"

#include "report/escape.h"
#include "report/sketch.h"

#define CODE_INDENT 4

/* "a pool of processes: count() at crawl.py:12" */
static void heading(struct text *t, const struct sketch *sketch, const char *title)
{
    AUTO_BUFFER line = {0}, place = {0};

    sketch_place(&place, sketch);
    buffer_add(&line, title);
    if (place.length > 0)
        buffer_add(&line, ": ");
    escape_terminal(&line, buffer_text(&place), t->layout.utf8);
    layout_paragraph(&t->layout, "SKETCH", TEXT_INDENT, 2, buffer_text(&line));
    text_check(t, &line);
    text_check(t, &place);
}

static void comment(struct text *t, const char *text)
{
    layout_pad(&t->layout, CODE_INDENT);
    layout_put(&t->layout, LAYOUT_DIM, text);
    layout_end(&t->layout);
}

static void code(struct text *t, const struct sketch *sketch)
{
    AUTO_SKETCH shown = {0};

    if (sketch_text_fill(sketch, &shown) < 0) {
        t->error = t->error ? t->error : -ENOMEM;
        return;
    }
    heading(t, sketch, shown.title);
    comment(t, "# before");
    layout_code(&t->layout, CODE_INDENT, buffer_text(&shown.before));
    comment(t, "# after");
    layout_code(&t->layout, CODE_INDENT, buffer_text(&shown.imports));
    if (shown.imports.length > 0)
        layout_end(&t->layout);
    layout_code(&t->layout, CODE_INDENT, buffer_text(&shown.after));
    if (shown.note.length > 0)
        layout_paragraph(&t->layout, "", TEXT_INDENT, 0, buffer_text(&shown.note));
}

/* One line by default: what to import, and where the rest is. */
static void in_short(struct text *t, const struct sketch *sketch)
{
    AUTO_SKETCH shown = {0};
    AUTO_BUFFER line = {0};

    if (sketch_text_fill(sketch, &shown) < 0) {
        t->error = t->error ? t->error : -ENOMEM;
        return;
    }
    for (const char *at = buffer_text(&shown.imports); *at; at++)
        buffer_add_bytes(&line, *at == '\n' ? "; " : at, *at == '\n' ? 2 : 1);
    buffer_add(&line, line.length > 0 ? " (-v: the code)" : "-v shows the code");
    layout_paragraph(&t->layout, "SKETCH", TEXT_INDENT, 2, buffer_text(&line));
    text_check(t, &line);
}

void text_sketches(struct text *t)
{
    const struct recommendation *r = &t->a->recommendation;

    if (!t->verbose && r->n_sketches > 0)
        in_short(t, &r->sketches[0]);
    for (size_t i = 0; t->verbose && i < r->n_sketches; i++)
        code(t, &r->sketches[i]);
}
