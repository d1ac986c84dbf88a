/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * workers: how many workers are too many, whatever they would gain.
 *
 * Knows CPUs, memory, and how much there was to do at once. The number to begin with is the knee of the scaling curve
 * (simulate.h), and whoever lowers it takes the time for the lower number from the simulation again.
 */

#include "analyzer/advice.h"

struct forecast;
struct measurement;

/*
 * Set row->bound and row->worker_bytes; lower row->workers or row->in_flight where a bound is passed.
 * @param busy_cpus         CPUs that the simulated model keeps busy on average
 * @param replay_rss_bytes  memory that the replay of row->workers workers took; 0: not known
 */
void workers_bound(const struct measurement *m, const struct forecast *f, double busy_cpus, uint64_t replay_rss_bytes,
                   struct model_evidence *row);
