/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * evidence: what each model would take, from replay and simulation together where there are both.
 *
 * Knows how to merge the two (estimate.h) and how sure they are. Refuses to recommend.
 */

#include <stdint.h>

#include "analyzer/advice.h"

struct forecast;
struct measurement;

/*
 * @param f        forecast_init() of the same measurement
 * @param current  the model in use and its workers: its row says what was measured
 * @param evidence zeroed, models marked with their index (advice_new()); owned by the advice, filled even partly on
 *                 failure
 * @return 0 or -ENOMEM
 */
int evidence_fill(const struct measurement *m, const struct forecast *f, enum model current, uint32_t current_workers,
                  struct evidence *evidence);
