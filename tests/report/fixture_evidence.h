/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * fixture_evidence: the rows of the convoy that wants processes.
 */

#include "analyzer/advice.h"

/* Fill a->evidence of a new advice. */
void fixture_evidence(struct advice *a);
