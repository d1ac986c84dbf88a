/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/estimate.h"

#include <math.h>

#include "analyzer/calibrated.h"

/* How far the source misses the program as it is now: the logarithm of the factor to put it right; 0: not known. */
static double infidelity(double active_ns, const struct estimate_source *source)
{
    return source->now_ns > 0.0 ? log(active_ns / source->now_ns) : 0.0;
}

/* Logarithm of the time that the source forecasts, with its error in the program as it is now taken into account. */
static double corrected(double active_ns, const struct estimate_source *source)
{
    return log(source->then_ns) + CALIBRATED_COMMON_ERROR * infidelity(active_ns, source);
}

/* How far the replay is moved towards the simulation, whose logarithms are `distance` apart. */
static double shift(double distance)
{
    double most = log1p(CALIBRATED_CLOSE_SHARE);

    return (1.0 - CALIBRATED_REPLAY_WEIGHT) * fmax(-most, fmin(most, distance));
}

/* Root of the sum of squares: errors that have nothing to do with each other. */
static double join(double a, double b, double c, double d)
{
    return sqrt(a * a + b * b + c * c + d * d);
}

struct estimate estimate_combine(double active_ns, const struct estimate_source *replay,
                                 const struct estimate_source *simulation)
{
    const struct estimate_source *first = replay ? replay : simulation;
    double value = corrected(active_ns, first), distance = 0.0;
    double wrong = CALIBRATED_INFIDELITY_WEIGHT * infidelity(active_ns, first);
    double floor = log1p(replay ? CALIBRATED_FLOOR_REPLAYED : CALIBRATED_FLOOR_SIMULATED);
    struct estimate e;

    if (replay && simulation) {
        distance = corrected(active_ns, simulation) - value;
        value += shift(distance);
    }
    distance *= CALIBRATED_DISAGREEMENT_WEIGHT;
    e.time.value = exp(value);
    e.time.low = exp(value - join(log(first->low), wrong, distance, floor));
    e.time.high = exp(value + join(log(first->high), wrong, distance, floor));
    e.scatter.value = e.time.value;
    e.scatter.low = e.time.value * first->low;
    e.scatter.high = e.time.value * first->high;
    return e;
}

bool estimate_distrusts(double active_ns, double replayed_now_ns, double simulated_now_ns)
{
    double replay, simulation;

    if (replayed_now_ns <= 0.0 || simulated_now_ns <= 0.0)
        return false;
    replay = fabs(log(active_ns / replayed_now_ns));
    simulation = fabs(log(active_ns / simulated_now_ns));
    return replay > log1p(CALIBRATED_DISTRUST_SHARE) && replay > CALIBRATED_DISTRUST_RATIO * simulation;
}

bool estimate_disagrees(double replay_ns, double simulation_ns, double low, double high)
{
    double distance;

    if (replay_ns <= 0.0 || simulation_ns <= 0.0)
        return false;
    distance = log(replay_ns / simulation_ns);
    return fabs(distance) > log1p(CALIBRATED_AGREES_SHARE) && fabs(distance) > fmax(log(high), -log(low));
}
