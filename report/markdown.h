/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * markdown: the report for tickets and pull requests (GitHub's dialect: tables). What people decide by: verdict, what
 * to do, where time went, findings, evidence, what would change it. The rest is in the text report.
 */

#include <stdio.h>

struct advice;
struct buffer;
struct frame;
struct measurement;

/* @return 0, -ENOMEM */
int markdown_write(FILE *out, const struct measurement *m, const struct advice *a);

/* "`parse` crawl.py:88", for a cell of a table; nothing when nothing is known (frame may be NULL). */
void markdown_add_place(struct buffer *b, const struct frame *frame);
