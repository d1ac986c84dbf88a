/* SPDX-License-Identifier: BSD-2-Clause */
#include "metrics_of.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include "analyzer/lanes.h"

struct metrics metrics_of(const struct measurement *m)
{
    struct metrics metrics;
    struct lanes *lanes = NULL;

    assert_int_equal(lanes_new(m, &lanes), 0);
    assert_int_equal(metrics_compute(m, lanes, 0, &metrics), 0);
    lanes_free(lanes);
    return metrics;
}

void near(double value, double expected)
{
    if (fabs(value - expected) > 1e-3 * fmax(1.0, fabs(expected)))
        fail_msg("%g is not %g", value, expected);
}
