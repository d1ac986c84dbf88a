/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/html/html_chart.h"

#include <math.h>

#include "report/buffer.h"
#include "report/format.h"

/* The chart, in its own units: names at the left, times on an axis from 0. */
#define NAMES 190.0
#define WIDTH 760.0
#define ROW 30.0

static double x_of(const struct html_chart *c, uint64_t ns)
{
    return NAMES + (WIDTH - NAMES - 20.0) * (double)ns / c->top_ns;
}

/* A step of 1, 2 or 5 times a power of ten that gives three to eight marks. */
static double step_of(double top)
{
    double step = pow(10.0, floor(log10(top)));

    if (top / step >= 6.0)
        return 2.0 * step;
    if (top / step >= 3.0)
        return step;
    return top / step >= 1.5 ? step / 2.0 : step / 5.0;
}

static void add_axis(const struct html_chart *c)
{
    double step = step_of(c->top_ns);

    for (double at = 0.0; at <= c->top_ns; at += step) {
        double x = x_of(c, (uint64_t)at);

        buffer_format(c->b,
                      "<line class=\"grid\" x1=\"%.1f\" x2=\"%.1f\" y1=\"8\" y2=\"%.1f\"/><text class=\"tick\" "
                      "x=\"%.1f\" y=\"%.1f\">%s</text>\n",
                      x, x, c->bottom_y, x, c->bottom_y + 16.0, at > 0.0 ? format_duration((uint64_t)at).text : "0");
    }
}

void html_chart_begin(struct html_chart *c, size_t rows, const char *label)
{
    c->bottom_y = ROW * (double)rows + 16.0;
    buffer_format(c->b, "<figure><svg class=\"chart\" viewBox=\"0 0 %.0f %.0f\" role=\"img\" aria-label=\"%s\">\n",
                  WIDTH, c->bottom_y + 24.0, label);
    add_axis(c);
}

double html_chart_y(size_t row)
{
    return ROW * ((double)row + 0.5) + 12.0;
}

void html_chart_name(const struct html_chart *c, bool best, const char *name, uint32_t workers, double y)
{
    buffer_format(c->b, "<text class=\"%s\" x=\"4\" y=\"%.1f\">%s", best ? "name best" : "name", y + 4.0, name);
    if (workers > 0)
        buffer_format(c->b, ", %u", workers);
    buffer_add(c->b, "</text>");
}

void html_chart_interval(const struct html_chart *c, const uint64_t interval_ns[2], double y)
{
    if (interval_ns[1] <= interval_ns[0])
        return;
    buffer_format(c->b, "<line class=\"interval\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>",
                  x_of(c, interval_ns[0]), fmin(x_of(c, interval_ns[1]), WIDTH - 4.0), y, y);
}

void html_chart_median(const struct html_chart *c, bool best, uint64_t ns, double y)
{
    buffer_format(c->b, "<path class=\"median %s\" d=\"M%.1f %.1fl6 6l-6 6l-6 -6z\"><title>%s</title></path>",
                  best ? "best" : "", x_of(c, ns), y - 6.0, format_duration_fine(ns).text);
}

void html_chart_dot(const struct html_chart *c, uint64_t ns, double y)
{
    buffer_format(c->b, "<circle class=\"dot\" cx=\"%.1f\" cy=\"%.1f\" r=\"3\"><title>%s</title></circle>",
                  fmin(x_of(c, ns), WIDTH - 4.0), y + 6.0, format_duration_fine(ns).text);
}

void html_chart_line(const struct html_chart *c, const char *class, uint64_t ns, const char *words)
{
    if (ns == 0)
        return;
    buffer_format(c->b,
                  "<line class=\"%s\" x1=\"%.1f\" x2=\"%.1f\" y1=\"8\" y2=\"%.1f\"><title>%s: %s</title></line>\n",
                  class, x_of(c, ns), x_of(c, ns), c->bottom_y, words, format_duration_fine(ns).text);
}
