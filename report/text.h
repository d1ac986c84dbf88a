/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * text: the report for people (DESIGN 9), one section a file: text_header, text_verdict, text_time, text_findings,
 * text_evidence, text_notes, text_threads. Shared by those files only; report.h is the way in.
 *
 * A section that has nothing to say writes nothing.
 */

#include "analyzer/advice.h"
#include "report/buffer.h"
#include "report/layout.h"

/* Column at which the text of a labelled paragraph begins ("VERDICT  ", "FLIPS IF  "). */
#define TEXT_INDENT 10

struct text {
    struct layout layout;
    const struct measurement *m;
    const struct advice *a;
    bool verbose;
    int error; /* first -errno of a section */
};

/* The whole report. @return 0 or -errno */
int text_write(struct text *t);

void text_header(struct text *t);   /* two lines of facts, and what must be said about the run itself */
void text_verdict(struct text *t);  /* VERDICT */
void text_time(struct text *t);     /* WHERE THREAD TIME WENT, CPU, switches, parallelism */
void text_findings(struct text *t); /* FINDINGS */
void text_evidence(struct text *t); /* EVIDENCE */
void text_notes(struct text *t);    /* PATH, FLIPS IF, ASSUMES, NOT SEEN, DO, Next */
void text_threads(struct text *t);  /* THREADS, with -v */

/* Remember the error of a buffer that the section is done with. */
void text_check(struct text *t, const struct buffer *b);

/* Append `frame` as a place: "crawl.py:88", else "parse()", else the module's name; nothing when nothing is known. */
void text_place(struct text *t, struct buffer *b, const struct frame *frame);

/*
 * The frame that says most about where a site is: the innermost of people's own code, else the innermost with a source
 * file, else the innermost. NULL: none.
 */
const struct frame *text_site_frame(const struct site *site);
