/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * parse: checked conversion of user-supplied text to numbers and durations.
 *
 * Knows decimal numbers and the units ns, us, ms, s, m, h. Refuses to guess: trailing text, signs and overflow are
 * errors.
 */

#include <stdint.h>

/*
 * Whole decimal number between min and max.
 *
 * @return 0, -EINVAL (NULL, empty, or not a plain number), -ERANGE (outside min..max); ret_value untouched on failure
 */
int parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *ret_value);

/*
 * Duration such as "10s", "500ms", "1.5s", "2m" or "3" (seconds), in nanoseconds.
 *
 * @return 0, -EINVAL, -ERANGE (zero, or above 365 days); ret_ns untouched on failure
 */
int parse_duration_ns(const char *text, uint64_t *ret_ns);
