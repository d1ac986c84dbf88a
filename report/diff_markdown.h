/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * diff_markdown: a comparison for tickets and pull requests (GitHub's dialect): verdict, caveats, times, causes,
 * findings, the forecast, and what else differs between the two runs.
 */

#include <stdio.h>

struct report_diff;

/* @return 0, -ENOMEM */
int diff_markdown_write(FILE *out, const struct report_diff *diff);
