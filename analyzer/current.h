/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * current: which concurrency model a measured program uses now.
 *
 * Knows lanes, loops and short-lived workers. Refuses to say whether that is good.
 */

#include <stdint.h>

#include "probe/measurement.h"

struct lanes;
struct metrics;

/*
 * @param ret_workers  lanes at work at once: threads, processes, or waits outstanding in an event loop; >= 1
 * @return the model; never MODEL_NONE
 */
enum model current_detect(const struct lanes *lanes, const struct metrics *metrics, uint32_t *ret_workers);
