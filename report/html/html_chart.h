/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * html_chart: times as dots, intervals and medians over one axis from 0, a row each, as SVG. Shared by report/html
 * only. Texts given to it are its caller's own, and need no escaping.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buffer;

struct html_chart {
    struct buffer *b;
    double top_ns;   /* right end of the axis */
    double bottom_y; /* set by html_chart_begin() */
};

/* The opening of figure and drawing, and the axis. @param label  for who does not see it */
void html_chart_begin(struct html_chart *c, size_t rows, const char *label);

double html_chart_y(size_t row); /* middle of a row */
void html_chart_name(const struct html_chart *c, bool best, const char *name, uint32_t workers, double y); /* 0: none */
void html_chart_interval(const struct html_chart *c, const uint64_t interval_ns[2], double y); /* empty: nothing */
void html_chart_median(const struct html_chart *c, bool best, uint64_t ns, double y);
void html_chart_dot(const struct html_chart *c, uint64_t ns, double y); /* a run */

/* Across all rows; ns 0: nothing. @param class  "now" (solid) or "fidelity" (dashed) */
void html_chart_line(const struct html_chart *c, const char *class, uint64_t ns, const char *words);
