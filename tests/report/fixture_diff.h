/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * fixture_diff: hand-built comparisons for the tests of report/, made of the stories of fixture.h.
 */

#include "analyzer/compare/compare.h"
#include "fixture.h"
#include "report/report.h"

/* Two runs and their comparison. */
struct fixture_diff {
    struct fixture before, after;
    struct compare_side sides[COMPARE_SIDES];
    struct comparison comparison;
    struct report_diff diff;
};

/* The advice was followed: processes, a third of the time, no lock to queue for. */
void fixture_diff_faster(struct fixture_diff *s);

/* Another program altogether, every name in it hostile, the file's, too. */
void fixture_diff_hostile(struct fixture_diff *s);

/* The same run twice, too short for a verdict. */
void fixture_diff_tie(struct fixture_diff *s);

/* A process that was watched, for half as long the second time, with less of a convoy. */
void fixture_diff_attached(struct fixture_diff *s);

void fixture_diff_clear(struct fixture_diff *s);
