/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * diff_wording: a comparison in sentences. Plain ASCII, nothing of the target's in it.
 *
 * Knows how a verdict, a caveat and a checked forecast are said. Refuses to know where the sentence will stand.
 */

#include "analyzer/compare/compare.h"

struct buffer;

/* "AFTER is 2.9x faster: 12.4 s -> 4.30 s", "No difference beyond the noise (tie): ...", "Times can't be compared: ..."
 */
void diff_wording_verdict(struct buffer *b, const struct compare_wall *wall);

/* How sure that is, and by which method. */
void diff_wording_method(struct buffer *b, const struct compare_wall *wall);

const char *diff_wording_caveat(enum compare_caveat caveat);

/* BEFORE's forecast against AFTER: one sentence or two. */
void diff_wording_forecast(struct buffer *b, const struct comparison *c, const struct recommendation *before);
