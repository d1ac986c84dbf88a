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

/* Do two estimates tie: their intervals overlap, or their values are within STATISTICS_TIE_SHARE? */
bool statistics_tie(const struct statistics_estimate *a, const struct statistics_estimate *b);
