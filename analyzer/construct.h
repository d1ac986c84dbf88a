/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * construct: a model in the words of a runtime.
 *
 * Knows what a thread pool is called in each language, and what to do first. Refuses to choose a model.
 */

#include "analyzer/advice.h"

struct measurement;

/*
 * @param recommendation  model, workers and why_id are read
 * @param in_flight       waits outstanding per event loop; 0: not known
 * @return a heap string, NULL when the model needs no construct or memory ran out
 */
char *construct_of(enum runtime_kind runtime, const struct recommendation *recommendation, uint32_t in_flight);

/*
 * Fill recommendation->actions, most valuable first, from the change, the findings and the libraries seen.
 * @return 0 or -ENOMEM
 */
int construct_actions(const struct measurement *m, const struct finding *findings, size_t n_findings,
                      uint32_t in_flight, struct recommendation *recommendation);
