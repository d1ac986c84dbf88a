/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * statistics: the few robust statistics that a handful of timings can carry.
 *
 * Knows samples of times. Refuses to know what was timed. Deterministic: the bootstrap has a fixed seed.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Two medians within this share of each other count as equal (DESIGN 5: "within 5 % of the best"). */
#define STATISTICS_TIE_SHARE 0.05

/* A value and its 95 % interval; low <= value <= high. */
struct statistics_estimate {
    double value;
    double low;
    double high;
};

/* @return the median of n samples (mean of the middle two when n is even); 0 when n is 0 or out of memory */
double statistics_median(const uint64_t *samples, size_t n);

/*
 * Median with a 95 % interval: order statistics of the binomial distribution (distribution-free; Hahn & Meeker,
 * Statistical Intervals, 5.2) where n >= 6, else the whole range of the samples, which is all so few can say.
 *
 * @return 0, -EINVAL (n is 0), -ENOMEM
 */
int statistics_estimate(const uint64_t *samples, size_t n, struct statistics_estimate *ret);

/*
 * Ratio of medians above / below with a 95 % percentile-bootstrap interval (fixed seed: same input, same interval).
 * Equally many samples are taken for pairs (interleaved runs).
 *
 * @return 0, -EINVAL (no samples, or a zero among those below), -ENOMEM
 */
int statistics_ratio(const uint64_t *above, size_t n_above, const uint64_t *below, size_t n_below,
                     struct statistics_estimate *ret);

/*
 * Ratio of medians above / below of two samples that were not taken in pairs, with the interval that the Mann-Whitney
 * test does not reject (Hodges & Lehmann; Hollander & Wolfe, Nonparametric Statistical Methods, 4.3): of all ratios of
 * one to the other the k-th smallest and the k-th largest. Exact up to 20 x 20 samples, beyond by the normal
 * approximation. It excludes 1 where the test finds a difference.
 *
 * @param ret_confidence  what the interval holds: at least 0.95 where that can be had, else what the whole range of
 *                        ratios gives (3 and 3 samples: 0.90)
 * @return 0, -EINVAL (no samples, or a zero), -ENOMEM
 */
int statistics_independent_ratio(const uint64_t *above, size_t n_above, const uint64_t *below, size_t n_below,
                                 struct statistics_estimate *ret, double *ret_confidence);

/* Do two estimates tie: their intervals overlap, or their values are within STATISTICS_TIE_SHARE? */
bool statistics_tie(const struct statistics_estimate *a, const struct statistics_estimate *b);
