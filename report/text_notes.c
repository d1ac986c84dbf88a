/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/text.h"

#include "report/escape.h"
#include "report/format.h"
#include "report/wording.h"

/* Steps of the path that are shown without -v. */
#define PATH_STEPS 4

static void add_step(struct text *t, struct buffer *b, const struct decision_step *step)
{
    escape_terminal(b, step->question, t->layout.utf8);
    buffer_format(b, " %s", step->answer ? "yes" : "no");
    if (strcmp(step->unit, "bool") != 0)
        buffer_format(b, ", %s (limit %s)", format_metric(step->value, step->unit).text,
                      format_metric(step->limit, step->unit).text);
}

/* The last questions decide; those before only opened the way to them. */
static void path(struct text *t)
{
    size_t first = t->a->n_path > PATH_STEPS ? t->a->n_path - PATH_STEPS : 0;
    AUTO_BUFFER b = {0};

    if (t->a->n_path == 0)
        return;
    if (first > 0)
        buffer_format(&b, "%zu question%s passed (-v) > ", first, first == 1 ? "" : "s");
    for (size_t i = first; i < t->a->n_path; i++) {
        add_step(t, &b, &t->a->path[i]);
        buffer_add(&b, " > ");
    }
    /* Where the replay won, the path led elsewhere: don't let it look as if it ended here. */
    if (t->a->evidence.disagrees)
        buffer_add(&b, "overruled by the replay: ");
    buffer_add(&b, wording_model_upper(t->a->recommendation.model));
    layout_paragraph(&t->layout, "PATH", TEXT_INDENT, 0, buffer_text(&b));
    text_check(t, &b);
}

/* With -v every step has its own paragraph, with the reason for its limit. */
static void path_verbose(struct text *t)
{
    for (size_t i = 0; i < t->a->n_path; i++) {
        const struct decision_step *step = &t->a->path[i];
        AUTO_BUFFER b = {0};

        add_step(t, &b, step);
        buffer_add(&b, ". ");
        escape_terminal(&b, step->metric, t->layout.utf8);
        buffer_add(&b, " ");
        escape_terminal(&b, step->comparison, t->layout.utf8);
        buffer_format(&b, " %s", format_metric(step->limit, step->unit).text);
        if (step->reason[0]) {
            buffer_add(&b, ": ");
            escape_terminal(&b, step->reason, t->layout.utf8);
        }
        layout_paragraph(&t->layout, i == 0 ? "PATH" : "", TEXT_INDENT, 2, buffer_text(&b));
        text_check(t, &b);
    }
}

/* Sentences one below the other; numbered where their order counts. */
static void list(struct text *t, const char *label, char *const *items, size_t n, bool numbered)
{
    for (size_t i = 0; i < n; i++) {
        AUTO_BUFFER b = {0};

        if (numbered && n > 1)
            buffer_format(&b, "%zu. ", i + 1);
        escape_terminal(&b, items[i], t->layout.utf8);
        layout_paragraph(&t->layout, i == 0 ? label : "", TEXT_INDENT, numbered && n > 1 ? 3 : 2, buffer_text(&b));
        text_check(t, &b);
    }
}

static void joined(struct text *t, const char *label, char *const *items, size_t n)
{
    AUTO_BUFFER b = {0};

    for (size_t i = 0; i < n; i++) {
        buffer_add(&b, i > 0 ? "; " : "");
        escape_terminal(&b, items[i], t->layout.utf8);
    }
    if (n > 0)
        layout_paragraph(&t->layout, label, TEXT_INDENT, 0, buffer_text(&b));
    text_check(t, &b);
}

static bool named_in_actions(const struct recommendation *r)
{
    for (size_t i = 0; i < r->n_actions; i++)
        if (strstr(r->actions[i], r->construct))
            return true;
    return false;
}

static void actions(struct text *t)
{
    const struct recommendation *r = &t->a->recommendation;
    const struct wording_leaf *leaf = r->why_id ? wording_leaf(r->why_id) : NULL;
    AUTO_BUFFER b = {0};

    if (r->n_actions > 0)
        list(t, "DO", r->actions, r->n_actions, true);
    else if (leaf && leaf->how && r->model != MODEL_NONE)
        layout_paragraph(&t->layout, "DO", TEXT_INDENT, 0, leaf->how);
    if (r->construct && !named_in_actions(r)) {
        escape_terminal(&b, r->construct, t->layout.utf8);
        layout_paragraph(&t->layout, "WITH", TEXT_INDENT, 2, buffer_text(&b));
    }
    text_check(t, &b);
}

static void next_line(struct text *t)
{
    AUTO_BUFFER b = {0};

    if (t->a->n_findings == 0)
        return;
    buffer_format(&b, "Next: concadvise explain CA%04d", t->a->findings[0].id);
    layout_put(&t->layout, LAYOUT_DIM, buffer_text(&b));
    layout_end(&t->layout);
    text_check(t, &b);
}

void text_notes(struct text *t)
{
    const struct recommendation *r = &t->a->recommendation;

    if (t->verbose)
        path_verbose(t);
    else
        path(t);
    list(t, "FLIPS IF", r->flips_if, r->n_flips_if, false);
    joined(t, "ASSUMES", r->assumptions, r->n_assumptions);
    joined(t, "NOT SEEN", r->not_seen, r->n_not_seen);
    actions(t);
    text_sketches(t);
    next_line(t);
}
