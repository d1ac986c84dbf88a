/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * fixture: hand-built measurements and advice for the tests of report/.
 *
 * Three stories: a GIL convoy that wants processes (every section is there), a run too short for a verdict, and an
 * event loop whose every string is hostile.
 */

#include "analyzer/advice.h"

struct fixture {
    struct measurement *m;
    struct advice *a;
};

struct fixture fixture_convoy(void);
struct fixture fixture_short(void);
struct fixture fixture_hostile(void);
/* As of -r 3: a run 60 ms faster, this one, one 60 ms slower. */
void fixture_add_runs(struct measurement *m);
void fixture_free(struct fixture *f);
