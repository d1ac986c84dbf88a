/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * wording_sketches: Python code per id of a sketch, as templates, and what is to be said about it.
 *
 * Knows the code. Refuses to know names and numbers: report/sketch.c fills them in for
 *
 *     $f  the function that does an item     $c  the coroutine that calls it     $u  an item: "item", "url" ($us: all)
 *     $w  workers to have                    $o  workers now                     $n  waits under way at once
 *     $b  items per message                  $q  four times $w                   $g  a blocking request for $u
 *     $F  how the program does its items now (struct sketch, from), $R  that with $w workers, $C  and $b items each
 *
 * At most ten lines of code each, of at most 76 columns. All strings are static, plain ASCII. Tests run each "after"
 * and hold its results against those of "before".
 */

#include "analyzer/advice.h"

struct wording_sketch {
    const char *title;      /* "a pool of processes" */
    const char *imports;    /* lines that "after" needs, without the last newline; "": none that are new */
    const char *before;     /* code as it was found */
    const char *after;      /* code that does the same as advised */
    const char *after_many; /* the same for more than WORDING_SKETCH_MANY waits at once; NULL: no difference */
    const char *note;       /* what to mind, a sentence; NULL: nothing */
    const char *function;   /* $f and $c where no name is known, or none that can stand in code */
    const char *coroutine;
    const char *item; /* $u */
};

/* aiohttp keeps no more connections open at once, unless told to. */
#define WORDING_SKETCH_MANY 100

/* @return NULL: no such sketch */
const struct wording_sketch *wording_sketch(enum sketch_id id);

/* $F; "" for an event loop, whose sketches have code of their own */
const char *wording_sketch_from(enum sketch_from from);

/* $R and $C; "" where that is no pool */
const char *wording_sketch_resized(enum sketch_from from);
const char *wording_sketch_chunked(enum sketch_from from);
