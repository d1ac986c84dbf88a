/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * diff_text: a comparison for people: verdict, caveats, models, forecast, tables of times and causes, findings.
 */

#include <stdbool.h>

struct layout;
struct report_diff;

/* @param verbose  also causes that hardly count. @return 0 or -errno */
int diff_text_write(const struct layout *layout, const struct report_diff *diff, bool verbose);
