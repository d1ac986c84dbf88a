/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * metrics_of: the metrics of a synthetic measurement in one call, and comparing them. Fails the test where there are
 * none.
 */

#include "analyzer/metrics.h"

struct metrics metrics_of(const struct measurement *m);

/* Fail unless both are the same to a thousandth, of 1 at least. */
void near(double value, double expected);
