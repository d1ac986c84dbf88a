/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/text.h"

#include "report/format.h"
#include "report/wording.h"

#define HEIGHT 5u       /* lines of the plot */
#define FEWEST_COUNTS 5 /* less is said in a line */
#define MAX_COUNTS 64
#define MAX_CURVES 3
#define COLUMN 5u /* characters per number of workers: at most four digits and a gap */
#define MARGIN 9u /* of a line: "   1100x |" */

/* A curve tells something from this on: the best is so much above the worst. */
#define WORTH_PLOTTING 1.3

struct curve {
    const struct model_evidence *row;
    uint32_t times; /* what a count of the curve is multiplied by: processes that have a loop each */
    char letter;
};

struct plot {
    struct curve curves[MAX_CURVES];
    size_t n_curves;
    uint32_t counts[MAX_COUNTS]; /* rising */
    size_t n_counts;
    uint32_t advised; /* 0: none to mark */
    double top;
};

static char letter_of(enum model model)
{
    return model == MODEL_PROCESSES_COROUTINES ? '+' : wording_model_upper(model)[0];
}

static double best_of(const struct model_evidence *row)
{
    double best = 0.0;

    for (size_t i = 0; i < row->n_scaling; i++)
        best = row->scaling[i].speedup > best ? row->scaling[i].speedup : best;
    return best;
}

static void add_curve(struct plot *plot, const struct model_evidence *row)
{
    bool hybrid = row->model == MODEL_PROCESSES_COROUTINES && row->workers > 0;

    plot->curves[plot->n_curves++] = (struct curve){row, hybrid ? row->workers : 1, letter_of(row->model)};
    if (best_of(row) > plot->top)
        plot->top = best_of(row);
}

/* The advised model and what it is up against: the best of the others. */
static void choose_curves(struct plot *plot, const struct advice *a)
{
    bool taken[MODEL_COUNT] = {false};

    add_curve(plot, &a->evidence.models[a->recommendation.model]);
    taken[a->recommendation.model] = true;
    while (plot->n_curves < MAX_CURVES) {
        const struct model_evidence *next = NULL;

        for (int i = 0; i < MODEL_COUNT; i++) {
            const struct model_evidence *row = &a->evidence.models[i];

            if (!taken[i] && row->n_scaling > 1 && (!next || best_of(row) > best_of(next)))
                next = row;
        }
        if (!next)
            return;
        taken[next->model] = true;
        add_curve(plot, next);
    }
}

static void add_count(struct plot *plot, uint32_t count)
{
    size_t at = 0;

    while (at < plot->n_counts && plot->counts[at] < count)
        at++;
    if (plot->n_counts == MAX_COUNTS || (at < plot->n_counts && plot->counts[at] == count))
        return;
    memmove(&plot->counts[at + 1], &plot->counts[at], (plot->n_counts - at) * sizeof(plot->counts[0]));
    plot->counts[at] = count;
    plot->n_counts++;
}

/* Leave out the count that is closest to the one before it, the advised one and the ends excepted. */
static void drop_count(struct plot *plot)
{
    size_t least = 1;
    double closest = 1e9;

    for (size_t i = 1; i + 1 < plot->n_counts; i++) {
        double ratio = (double)plot->counts[i] / plot->counts[i - 1];

        if (plot->counts[i] == plot->advised || ratio >= closest)
            continue;
        closest = ratio;
        least = i;
    }
    memmove(&plot->counts[least], &plot->counts[least + 1], (plot->n_counts - least - 1) * sizeof(plot->counts[0]));
    plot->n_counts--;
}

static void choose_counts(struct plot *plot, size_t room)
{
    for (size_t i = 0; i < plot->n_curves; i++)
        for (size_t k = 0; k < plot->curves[i].row->n_scaling; k++)
            add_count(plot, plot->curves[i].row->scaling[k].workers * plot->curves[i].times);
    while (plot->n_counts > room && plot->n_counts > 2)
        drop_count(plot);
}

/* The curve's speed-up with that many workers; 0: not simulated. */
static double speedup_at(const struct curve *curve, uint32_t count)
{
    for (size_t i = 0; i < curve->row->n_scaling; i++)
        if (curve->row->scaling[i].workers * curve->times == count)
            return curve->row->scaling[i].speedup;
    return 0.0;
}

/* The first curve that passes the line there: the advised model is never hidden. Next to nothing is on the axis. */
static char mark_at(const struct plot *plot, size_t line, uint32_t count)
{
    for (size_t i = 0; i < plot->n_curves; i++) {
        double speedup = speedup_at(&plot->curves[i], count), height = speedup / plot->top * HEIGHT + 0.5;

        if (speedup > 0.0 && (height < 1.0 ? 0 : (size_t)height) == line)
            return plot->curves[i].letter;
    }
    return ' ';
}

static void put(struct text *t, struct buffer *b)
{
    while (b->length > 0 && b->data[b->length - 1] == ' ')
        b->data[--b->length] = '\0';
    layout_put(&t->layout, LAYOUT_PLAIN, buffer_text(b));
    layout_end(&t->layout);
    text_check(t, b);
}

static void put_lines(struct text *t, const struct plot *plot)
{
    AUTO_BUFFER axis = {0};

    for (size_t line = HEIGHT + 1; line-- > 0;) {
        AUTO_BUFFER b = {0};

        buffer_format(&b, "  %*s %c", (int)(MARGIN - 4),
                      line > 0 ? format_speedup_short(plot->top * (double)line / HEIGHT).text : "",
                      line > 0 ? '|' : '+');
        for (size_t i = 0; i < plot->n_counts; i++) {
            char mark = mark_at(plot, line, plot->counts[i]);

            buffer_format(&b, "%s%c", line > 0 ? "    " : "----", mark == ' ' && line == 0 ? '-' : mark);
        }
        put(t, &b);
    }
    buffer_format(&axis, "  %*s  ", (int)(MARGIN - 4), "");
    for (size_t i = 0; i < plot->n_counts; i++)
        buffer_format(&axis, "%*u", (int)COLUMN, plot->counts[i]);
    put(t, &axis);
}

static void put_legend(struct text *t, const struct plot *plot)
{
    AUTO_BUFFER b = {0};

    buffer_add(&b, "speed-up by ");
    buffer_add(&b, plot->curves[0].row->in_flight > 0 ? "waits at once" : "workers");
    buffer_format(&b, ", simulated for %u CPU%s: ", t->a->evidence.cpus, t->a->evidence.cpus == 1 ? "" : "s");
    for (size_t i = 0; i < plot->n_curves; i++)
        buffer_format(&b, "%s%c %s", i > 0 ? ", " : "", plot->curves[i].letter,
                      model_to_str(plot->curves[i].row->model));
    if (plot->advised > 0)
        buffer_format(&b, "; %u advised", plot->advised);
    layout_paragraph(&t->layout, "  scaling", TEXT_INDENT, 0, buffer_text(&b));
    text_check(t, &b);
}

/* Few numbers need no plot. */
static void put_short(struct text *t, const struct model_evidence *row)
{
    AUTO_BUFFER b = {0};

    for (size_t i = 0; i < row->n_scaling; i++)
        buffer_format(&b, "%s%u %s", i > 0 ? ", " : "", row->scaling[i].workers,
                      format_speedup_short(row->scaling[i].speedup).text);
    buffer_format(&b, " (simulated, %s)", row->in_flight > 0 ? "waits at once" : "by workers");
    layout_paragraph(&t->layout, "  scaling", TEXT_INDENT, 0, buffer_text(&b));
    text_check(t, &b);
}

static bool is_flat(const struct model_evidence *row)
{
    double worst = row->scaling[0].speedup;

    for (size_t i = 1; i < row->n_scaling; i++)
        worst = row->scaling[i].speedup < worst ? row->scaling[i].speedup : worst;
    return best_of(row) < WORTH_PLOTTING * worst;
}

void text_scaling(struct text *t)
{
    const struct recommendation *r = &t->a->recommendation;
    const struct model_evidence *row;
    struct plot plot = {0};

    if (r->model <= MODEL_SERIAL || r->model >= MODEL_COUNT)
        return;
    row = &t->a->evidence.models[r->model];
    if (row->n_scaling < 2 || is_flat(row) || (r->change == CHANGE_KEEP && !t->verbose))
        return;
    if (row->n_scaling < FEWEST_COUNTS) {
        put_short(t, row);
        return;
    }
    choose_curves(&plot, t->a);
    plot.advised = r->model == MODEL_PROCESSES_COROUTINES ? row->in_flight * plot.curves[0].times
                   : r->change == CHANGE_KEEP             ? 0
                                                          : r->workers;
    choose_counts(&plot, (t->layout.width - MARGIN) / COLUMN);
    put_legend(t, &plot);
    put_lines(t, &plot);
}
