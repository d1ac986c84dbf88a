/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * html: the report as one self-contained page.
 *
 * What people decide by is plain HTML and SVG, and there without scripts: verdict, time, findings, evidence, tree. The
 * page's own script (page.js) adds the timeline, the flame graph, search, copying and saving. Nothing is fetched: its
 * Content-Security-Policy forbids it (default-src 'none'; style and script by their hashes). At most HTML_MOST_BYTES
 * whatever was measured; what was merged or left out is said.
 */

#include <stdio.h>

struct advice;
struct measurement;
struct report_diff;
struct tree;

#define HTML_MOST_BYTES (5u << 20)

/* @param tree  the one that was decided by; NULL: the built-in one. @return 0, -ENOMEM, -EIO */
int html_write(FILE *out, const struct measurement *m, const struct advice *a, const struct tree *tree);

/* Two runs compared, on a page of the same kind. @return 0, -ENOMEM, -EIO */
int html_diff_write(FILE *out, const struct report_diff *diff);
