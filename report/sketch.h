/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * sketch: a sketch of the advice as Python code, ready to be shown in any form of a report.
 *
 * Knows which names may stand in code: what comes out is plain ASCII, whatever the target named its functions. Refuses
 * to choose a sketch (analyzer/sketch.h) and to lay it out.
 */

#include "analyzer/advice.h"
#include "report/buffer.h"

/* All lines but the last end with a newline; empty where there is nothing to say. */
struct sketch_text {
    const char *title;     /* "a pool of processes"; static */
    struct buffer imports; /* import lines that `after` needs */
    struct buffer before;  /* the code as it was found, at most ten lines */
    struct buffer after;   /* the code as advised, likewise */
    struct buffer note;    /* what to mind, a sentence */
};

#define AUTO_SKETCH CLEANUP(sketch_text_clear) struct sketch_text

/*
 * @param ret_text  zeroed; owned by the caller in any case: sketch_text_clear()
 * @return 0, -ENOENT (no such sketch), -ENOMEM
 */
int sketch_text_fill(const struct sketch *sketch, struct sketch_text *ret_text);
void sketch_text_clear(struct sketch_text *text);

/* Append where it goes, as raw bytes of the target: "count() at /srv/app/crawl.py:12", with the last part of the path
   only; nothing where that is not known. */
void sketch_place(struct buffer *b, const struct sketch *sketch);
