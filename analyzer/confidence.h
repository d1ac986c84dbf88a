/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * confidence: how far to trust a recommendation, and what it rests on.
 *
 * Knows margins, intervals, fidelity and data quality. Refuses to change the recommendation.
 */

#include "analyzer/advice.h"

struct measurement;
struct metrics;

/* Fill recommendation->confidence, confidence_reasons, assumptions and not_seen. @return 0 or -ENOMEM */
int confidence_fill(const struct measurement *m, const struct metrics *metrics, struct advice *advice);
