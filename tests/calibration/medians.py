# SPDX-License-Identifier: BSD-2-Clause
"""The statistics of the calibration: medians with intervals, percentiles."""
import math


def median(values):
    """The middle one, or the mean of the two in the middle."""
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def percentile(values, share):
    """The smallest value that at least this share of the values does not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def median_interval(values, confidence=0.95):
    """
    (low, high) that hold the median of the population with this confidence, whatever its distribution (order
    statistics, binomial). Below six values even their whole range carries less than 95 %; it is what is returned.
    """
    ordered = sorted(values)
    n, outside, cut = len(ordered), 0.0, 0
    for k in range(n // 2):
        outside += math.comb(n, k) / 2**n
        if 2 * outside > 1 - confidence:
            break
        cut = k
    return ordered[cut], ordered[n - 1 - cut]


def overlap(one, other):
    """Do two intervals (low, high) share a point?"""
    return one[0] <= other[1] and other[0] <= one[1]
