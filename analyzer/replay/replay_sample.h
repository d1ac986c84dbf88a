/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * replay_sample: the part of a profile that is executed in place of the whole.
 *
 * Pure. Keeps the structure: items are drawn evenly from each phase and, with fixed lanes, from each lane; where there
 * are many phases, whole phases are drawn. What is much bigger than the mean (an item, a phase) is not left to chance:
 * it is drawn with its duration divided by the factor that the sample is multiplied with afterwards, so that it bounds
 * the result as it bounds the whole. Refuses to know what becomes of the times (replay_plan.h).
 */

#include <stdint.h>

#include "analyzer/replay/replay_plan.h"

/*
 * Draw the sample for runs of about `slot_ns` into `plan` (in place of an earlier one): steps, items, phases, lanes,
 * items_factor, shrink and switch_interval_ns.
 * @return 0 or -ENOMEM
 */
int replay_sample_draw(const struct profile *p, uint64_t slot_ns, struct replay_plan *plan);
