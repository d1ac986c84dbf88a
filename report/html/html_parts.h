/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * html_parts: the sections of the page, one function each, in their order. Shared by report/html only; each appends to
 * the buffer, and nothing where it has nothing to say.
 */

#include "analyzer/advice.h"
#include "report/buffer.h"

struct tree;

struct html {
    struct buffer *b;
    const struct measurement *m;
    const struct advice *a;
    const struct tree *tree;
};

/* html_verdict.c */
void html_header(struct html *h);
void html_verdict(struct html *h);
void html_quality(struct html *h); /* what the numbers do not contain */

/* html_time.c */
void html_time(struct html *h);
void html_threads(struct html *h); /* the tables that stand in for the charts, too */

/* html_evidence.c, html_scaling.c */
void html_evidence(struct html *h);
void html_scaling(struct html *h);

/* html_tree.c */
void html_tree(struct html *h);

/* html_findings.c */
void html_findings(struct html *h);
void html_notes(struct html *h); /* flips if, assumed, not seen, environment */

/* "parse crawl.py:88"; nothing when nothing is known */
void html_place(struct buffer *b, const struct frame *frame);

/* A list of sentences under a title; nothing without any. */
void html_list(struct buffer *b, const char *title, char *const *items, size_t n, const char *tag);
