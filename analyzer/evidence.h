/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * evidence: what each model would take, from replays where there are any, else from the forecast.
 *
 * Knows how to merge the two and how sure they are. Refuses to recommend.
 */

#include <stdint.h>

#include "analyzer/advice.h"

struct measurement;

/*
 * @param current  the model in use and its workers: its row says what was measured
 * @param cpus     CPUs to forecast for; 0: what the target may use
 * @param evidence zeroed, models marked with their index (advice_new()); owned by the advice, filled even partly on
 *                 failure
 * @return 0 or -ENOMEM
 */
int evidence_fill(const struct measurement *m, enum model current, uint32_t current_workers, uint32_t cpus,
                  struct evidence *evidence);
