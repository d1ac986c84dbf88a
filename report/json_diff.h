/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * json_diff: a comparison for programs (diff.schema.json is its contract). Times are integers in ns, nothing is
 * rounded.
 */

#include <stdio.h>

struct report_diff;

/* @return 0, -ENOMEM, -EIO */
int json_diff_write(FILE *out, const struct report_diff *diff);
