/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * html_parts: the sections of the page, one function each, in their order. Shared by report/html only; each appends to
 * the buffer, and nothing where it has nothing to say.
 */

#include <stdio.h>

#include "analyzer/advice.h"
#include "report/buffer.h"

struct tree;

/* html_page.c: what every page has, in this order: begin, the sections in <main>, markdown, report, end. */

/* Head, policy, style, and the patterns that states are told by. @param title  raw */
void html_page_begin(struct buffer *b, const char *title);

/* "Copy as Markdown", "Save the JSON report": hidden without the script. */
void html_page_tools(struct buffer *b);

/* Something that is written elsewhere, too. @return 0 or -errno */
typedef int (*html_page_writer)(FILE *out, const void *what);

/* What it writes, as text. @param ret_text  owned by the caller; untouched on failure. @return 0 or -errno */
int html_page_collect(html_page_writer writer, const void *what, char **ret_text, size_t *ret_n);

/* What "Copy as Markdown" copies. @return 0 or -errno */
int html_page_markdown(struct buffer *b, html_page_writer writer, const void *what);

/*
 * What "Save" saves; without it there is no such button.
 * @param name  of the file; @param cut  what is not in it, "" when all is
 * @return 0, HTML_TOO_LONG (nothing was added), or -errno
 */
enum { HTML_TOO_LONG = 1 };
int html_page_report(struct buffer *b, html_page_writer writer, const void *what, const char *name, const char *cut);

/* The script; then all of it goes to `out`. @return 0, -ENOMEM, -EIO */
int html_page_end(struct buffer *b, FILE *out);

/* Arguments may be two million bytes long; the JSON on a page holds so many bytes of them. */
#define HTML_MOST_ARGUMENTS 65536u

struct html_arguments {
    char **argv; /* owned; what is in it is borrowed, but for the last */
    size_t n;
    char *last; /* owned; not NULL: it was cut, and further ones left out */
};

/* @param ret  html_arguments_clear(); untouched on failure. @return 0 or -ENOMEM */
int html_page_cut_arguments(const struct target *target, struct html_arguments *ret);
void html_arguments_clear(struct html_arguments *arguments); /* for CLEANUP() */

/* Of a command so many bytes are shown. */
#define HTML_MOST_COMMAND 4000

struct html {
    struct buffer *b;
    const struct measurement *m;
    const struct advice *a;
    const struct tree *tree;
    bool tight; /* without the stacks of the findings: they would not fit */
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
