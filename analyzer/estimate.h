/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * estimate: one forecast out of what the replay and what the simulation say, and how far it may be off.
 *
 * Knows the constants of calibrated.h. Refuses to know models: it sees times. All times are of the active part of a run
 * (without idle time), in nanoseconds.
 */

#include <stdbool.h>

#include "analyzer/statistics.h"

/* What one way of forecasting says of the program as it is now, and of it under another model. */
struct estimate_source {
    double now_ns;  /* 0: it can't say; then it is taken at its word */
    double then_ns; /* > 0 */
    double low;     /* scatter of then_ns against now_ns as factors: low <= 1 <= high; 1, 1: none */
    double high;
};

struct estimate {
    struct statistics_estimate time;    /* with the 95 % interval of the forecast: the error of the model included */
    struct statistics_estimate scatter; /* the same value with the scatter of the replays alone: to compare rows */
};

/*
 * @param active_ns   measured time of the program as it is now, > 0
 * @param replay      NULL: none
 * @param simulation  NULL: none; one of the two is there
 */
struct estimate estimate_combine(double active_ns, const struct estimate_source *replay,
                                 const struct estimate_source *simulation);

/* Does the simulation come so much closer to the program as it is now that the replays don't count? 0: not known. */
bool estimate_distrusts(double active_ns, double replayed_now_ns, double simulated_now_ns);

/*
 * Do two figures for one thing disagree: by more than a share that calibrated.h sets, and by more than the scatter?
 * @param low, high  scatter of `replay_ns` as factors
 */
bool estimate_disagrees(double replay_ns, double simulation_ns, double low, double high);
