/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * wording: prose per id.
 *
 * Knows what to say about a leaf of the tree, a finding, a cause, a model. Refuses to know numbers: those come from
 * the advice, rounded by format.h. All strings are static, plain ASCII, and need no escaping. A test fails on any leaf
 * of the built-in tree and any finding id that has no wording here.
 */

#include <stddef.h>

#include "analyzer/advice.h"

/* What a leaf of the tree says. */
struct wording_leaf {
    const char *id;
    const char *fix; /* what to mend, for change "fix": "Mend the mutex"; NULL otherwise */
    const char *why; /* the reason; with no verdict: what is missing */
    const char *how; /* what to do first; with no verdict: how to get one */
};

/* What `explain` says about a finding. */
struct wording_finding {
    int id;
    const char *title;  /* short, as on its line of the report */
    const char *seen;   /* what was seen */
    const char *why;    /* why it costs time */
    const char *action; /* what to do */
    const char *check;  /* how to see afterwards that it helped */
};

/* @return NULL: no wording for this id */
const struct wording_leaf *wording_leaf(const char *id);
const struct wording_finding *wording_finding(int id);

/* What to build it with (recommendation.construct), raw; NULL: nothing, or one of the actions says it already. */
const char *wording_construct(const struct recommendation *r);

/* Row label of a cause, at most 14 columns ("GIL wait" for CPython, "GVL wait" for Ruby). */
const char *wording_cause(enum cause cause, enum runtime_kind runtime);

/* What a cause means, one sentence. */
const char *wording_cause_meaning(enum cause cause);

const char *wording_model(enum model model);       /* "processes + coroutines" */
const char *wording_model_upper(enum model model); /* "PROCESSES + COROUTINES"; "NO VERDICT" for MODEL_NONE */

/* "GIL", "GVL", "interpreter lock": what the runtime's people call it. */
const char *wording_interpreter_lock(enum runtime_kind runtime);

/* What a metric of the tree measures, one phrase. NULL: no wording. */
const char *wording_metric(const char *name);
