/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * gate: --fail-on and --baseline: whether a run's findings are to fail a CI job.
 *
 * Without a baseline every finding counts that --fail-on names; with one only those that the baseline has not, or whose
 * time grew beyond the noise (analyzer/compare). A baseline alone is as --fail-on low.
 */

#include <stdbool.h>

#include "cli/load.h"

struct advice;
struct measurement;
struct options;
struct tree;

struct gate {
    const struct options *options; /* borrowed */
    struct load_judged baseline;   /* NULLs: none */
};

/*
 * Read the baseline, before anything is started.
 * @return 0 (gate_clear()) or -errno (said)
 */
int gate_open(struct gate *gate, const struct options *options, const struct tree *tree);
void gate_clear(struct gate *gate); /* accepts a zeroed struct */

/* Is there a finding that fails the run? Says which. */
bool gate_fails(const struct gate *gate, const struct measurement *m, const struct advice *a);
