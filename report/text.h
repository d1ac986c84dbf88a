/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * text: the report for people (DESIGN 9), one section a file: text_header, text_verdict, text_time, text_findings,
 * text_waits, text_evidence, text_scaling, text_notes, text_sites, text_sketches, text_threads. Shared by those files
 * only; report.h is the way in.
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

void text_header(struct text *t);        /* two lines of facts, and what must be said about the run itself */
void text_verdict(struct text *t);       /* VERDICT */
void text_time(struct text *t);          /* WHERE THREAD TIME WENT, CPU, switches, parallelism */
void text_findings(struct text *t);      /* FINDINGS */
void text_evidence(struct text *t);      /* EVIDENCE */
void text_scaling(struct text *t);       /* scaling, below EVIDENCE: speed-up by workers, where it depends on them */
void text_notes(struct text *t);         /* PATH, FLIPS IF, ASSUMES, NOT SEEN, DO, Next */
void text_sketches(struct text *t);      /* SKETCH: code, with -v; else what to import */
void text_threads(struct text *t);       /* THREADS, with -v */
void text_critical_path(struct text *t); /* CRITICAL PATH; a program of one thread has none but itself */
void text_waits(struct text *t);         /* WHO WAITED FOR WHOM, where that is a part worth the lines */
void text_sites(struct text *t);         /* SITES, EVENT LOOPS, PEERS, with -v */

/* Remember the error of a buffer that the section is done with. */
void text_check(struct text *t, const struct buffer *b);

/* Append `frame` as a place: "crawl.py:88", else "parse()", else the module's name; nothing when nothing is known. */
void text_place(struct text *t, struct buffer *b, const struct frame *frame);

const struct frame *text_site_frame(const struct site *site); /* advice_near_frame_in() of its frames */

/* Append a frame: "parse (crawl.py:88)", "parse()", "libfoo.so"; nothing when nothing is known. */
void text_spot(struct text *t, struct buffer *b, const struct frame *frame);

/* Append a stack, innermost first, at most `most` frames, the innermost of people's own code among them:
   "recv < fetch (crawl.py:12) < main (crawl.py:40)". */
void text_stack(struct text *t, struct buffer *b, const struct frame *frames, size_t n, size_t most);
