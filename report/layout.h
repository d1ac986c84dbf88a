/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * layout: lines of text within a width.
 *
 * Knows columns, wrapping, labels with hanging indent and colours. Refuses to know what it prints. Everything given to
 * it is printable already (escape.h); no line it writes is wider than `width`.
 */

#include <stdbool.h>
#include <stdio.h>

#include "base/base.h"

enum layout_style {
    LAYOUT_PLAIN,
    LAYOUT_BOLD,
    LAYOUT_GOOD,
    LAYOUT_WARN,
    LAYOUT_BAD,
    LAYOUT_DIM,
};

struct layout {
    FILE *out; /* borrowed */
    unsigned width;
    bool color;
    bool utf8;
};

#define LAYOUT_WIDTH_MIN 40u
#define LAYOUT_WIDTH_MAX 200u

/* width 0: 80; others are brought into LAYOUT_WIDTH_MIN..MAX */
void layout_init(struct layout *l, FILE *out, unsigned width, bool color, bool utf8);

/* Text in a style, no newline, no wrapping. */
void layout_put(const struct layout *l, enum layout_style style, const char *text);

/* Text, cut with "..." where it does not fit, padded to exactly `columns`. */
void layout_cell(const struct layout *l, enum layout_style style, const char *text, size_t columns);

void layout_pad(const struct layout *l, size_t columns); /* spaces */
void layout_end(const struct layout *l);                 /* newline */

/*
 * `label` at column 0, then `text` wrapped between `indent` and the width; further lines begin `hang` columns right of
 * the indent. An empty label gives spaces. Words wider than a line are broken.
 */
void layout_paragraph(const struct layout *l, const char *label, size_t indent, size_t hang, const char *text);

/* The rest of a line whose first `indent` columns stand already; wrapped likewise. */
void layout_continue(const struct layout *l, size_t indent, const char *text);

/*
 * Lines of code, each at `indent` and as it is: its own indentation and its spaces are kept. A line wider than the
 * width goes on below, further to the right. Empty text gives no line.
 */
void layout_code(const struct layout *l, size_t indent, const char *code);

/* layout_paragraph() with the first line of text in a style. */
void layout_paragraph_styled(const struct layout *l, const char *label, size_t indent, enum layout_style style,
                             const char *text);

/* Parts on as few lines as fit, joined by " | " on one line; a part wider than a line is cut with "...". */
void layout_fields(const struct layout *l, const char *const *parts, size_t n);
