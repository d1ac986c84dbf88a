/* SPDX-License-Identifier: BSD-2-Clause */
#include <math.h>

#include "report/format.h"
#include "report/html/html_parts.h"
#include "report/wording.h"

#define WIDTH 760.0
#define HEIGHT 240.0
#define LEFT 56.0
#define RIGHT 170.0 /* room for the names */
#define BOTTOM 36.0

struct plot {
    struct html *h;
    double top;   /* speed-up */
    double right; /* workers */
};

/* Workers double from mark to mark. */
static double x_of(const struct plot *p, uint32_t workers)
{
    double span = fmax(log2(p->right), 1.0);

    return LEFT + (WIDTH - LEFT - RIGHT) * log2(fmax(workers, 1.0)) / span;
}

static double y_of(const struct plot *p, double speedup)
{
    return 10.0 + (HEIGHT - 10.0 - BOTTOM) * (1.0 - speedup / p->top);
}

/* Processes that have a loop each: the curve is per loop, the axis has workers. */
static uint32_t workers_at(const struct model_evidence *row, size_t i)
{
    bool hybrid = row->model == MODEL_PROCESSES_COROUTINES && row->workers > 0;

    return row->scaling[i].workers * (hybrid ? row->workers : 1);
}

static void add_curve(const struct plot *p, const struct model_evidence *row, double name_y)
{
    struct buffer *b = p->h->b;
    size_t last = row->n_scaling - 1;

    buffer_format(b, "<polyline class=\"curve m%d\" points=\"", (int)row->model);
    for (size_t i = 0; i <= last; i++)
        buffer_format(b, "%s%.1f,%.1f", i > 0 ? " " : "", x_of(p, workers_at(row, i)),
                      y_of(p, row->scaling[i].speedup));
    buffer_add(b, "\"/>");
    for (size_t i = 0; i <= last; i++)
        buffer_format(
            b, "<circle class=\"point m%d\" cx=\"%.1f\" cy=\"%.1f\" r=\"3.5\"><title>%s, %u: %s</title></circle>",
            (int)row->model, x_of(p, workers_at(row, i)), y_of(p, row->scaling[i].speedup), wording_model(row->model),
            workers_at(row, i), format_speedup(row->scaling[i].speedup).text);
    buffer_format(b, "<line class=\"lead\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>",
                  x_of(p, workers_at(row, last)), y_of(p, row->scaling[last].speedup), WIDTH - RIGHT + 14.0,
                  name_y - 4.0);
    buffer_format(b, "<text class=\"name\" x=\"%.1f\" y=\"%.1f\">%s</text>\n", WIDTH - RIGHT + 18.0, name_y,
                  wording_model(row->model));
}

static void add_axes(const struct plot *p)
{
    struct buffer *b = p->h->b;

    for (int i = 0; i <= 4; i++) {
        double speedup = p->top * i / 4.0;

        buffer_format(b,
                      "<line class=\"grid\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/><text class=\"tick left\" "
                      "x=\"%.1f\" y=\"%.1f\">%s</text>\n",
                      LEFT, WIDTH - RIGHT, y_of(p, speedup), y_of(p, speedup), LEFT - 6.0, y_of(p, speedup) + 4.0,
                      format_speedup_short(speedup).text);
    }
    for (uint32_t workers = 1; workers <= (uint32_t)p->right; workers *= 2)
        buffer_format(b, "<text class=\"tick\" x=\"%.1f\" y=\"%.1f\">%u</text>\n", x_of(p, workers),
                      HEIGHT - BOTTOM + 18.0, workers);
    buffer_format(b, "<text class=\"tick\" x=\"%.1f\" y=\"%.1f\">workers</text>\n", (LEFT + WIDTH - RIGHT) / 2.0,
                  HEIGHT - 4.0);
}

/* Indices of the models with a curve, best end first, so that their names stand in that order. */
static size_t order_curves(const struct evidence *e, int order[MODEL_COUNT])
{
    size_t n = 0;

    for (int i = 0; i < MODEL_COUNT; i++) {
        const struct model_evidence *row = &e->models[i];
        size_t at = n;

        if (row->n_scaling < 2)
            continue;
        while (at > 0 && e->models[order[at - 1]].scaling[e->models[order[at - 1]].n_scaling - 1].speedup <
                             row->scaling[row->n_scaling - 1].speedup) {
            order[at] = order[at - 1];
            at--;
        }
        order[at] = i;
        n++;
    }
    return n;
}

void html_scaling(struct html *h)
{
    const struct evidence *e = &h->a->evidence;
    struct plot plot = {.h = h, .top = 1.2, .right = 2.0};
    int order[MODEL_COUNT];
    size_t n = order_curves(e, order);
    double name_y = 0.0;

    if (n == 0)
        return;
    for (size_t k = 0; k < n; k++) {
        const struct model_evidence *row = &e->models[order[k]];

        for (size_t i = 0; i < row->n_scaling; i++) {
            plot.top = fmax(plot.top, row->scaling[i].speedup * 1.05);
            plot.right = fmax(plot.right, workers_at(row, i));
        }
    }
    buffer_format(h->b,
                  "<h3>By number of workers</h3>\n<figure><svg class=\"chart\" viewBox=\"0 0 %.0f %.0f\" role=\"img\" "
                  "aria-label=\"Speed-up over the number of workers, simulated\">\n",
                  WIDTH, HEIGHT);
    add_axes(&plot);
    for (size_t k = 0; k < n; k++) {
        const struct model_evidence *row = &e->models[order[k]];

        name_y = fmax(name_y + 16.0, y_of(&plot, row->scaling[row->n_scaling - 1].speedup) + 4.0);
        add_curve(&plot, row, name_y);
    }
    buffer_format(h->b,
                  "</svg>\n<figcaption>Speed-up against this run, simulated for %u CPU%s; with event loops the "
                  "workers are waits in flight.</figcaption></figure>\n",
                  e->cpus, e->cpus == 1 ? "" : "s");
}
