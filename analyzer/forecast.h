/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * forecast: a measurement made ready for forecasts, once for all who need one: its profile, the costs, and how long the
 * simulation says that it takes as it is now.
 *
 * Refuses to choose between models.
 */

#include <stdbool.h>
#include <stdint.h>

#include "analyzer/advice.h"
#include "analyzer/simulate/simulate.h"

struct measurement;
struct profile;

struct forecast {
    struct profile *profile; /* owned; NULL: nothing could be rearranged */
    struct simulate_costs costs;
    uint32_t cpus;     /* to forecast for */
    bool same_machine; /* these are the CPUs of the measurement: replays made there count */
    double idle_ns;    /* wall time with nothing to do: no model shortens it */
    double active_ns;  /* the rest of the wall time, > 0 */
    double now_ns;     /* simulated active time of the program as it is now, on the CPUs of the measurement; 0: none */
    double there_ns;   /* the same on `cpus` CPUs */
};

/*
 * @param current  the model in use and its workers, as current.h sees them
 * @param cpus     CPUs to forecast for; 0: what the target may use
 * @return 0 (ret: forecast_clear() it) or -ENOMEM
 */
int forecast_init(const struct measurement *m, enum model current, uint32_t current_workers, uint32_t cpus,
                  struct forecast *ret);
void forecast_clear(struct forecast *f); /* leaves it zeroed */

/* Wall time of the measured run / wall time when its active part takes `active_ns`; 0 when that is 0. */
double forecast_speedup(const struct forecast *f, double active_ns);
