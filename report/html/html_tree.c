/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/tree.h"
#include "base/base.h"
#include "report/escape.h"
#include "report/format.h"
#include "report/html/html_parts.h"
#include "report/wording.h"

/*
 * The way taken is a list from top to bottom; what the other answers would have led to is folded below each step. A
 * node that several others lead to is drawn where it comes first; elsewhere stands a reference.
 */

struct drawing {
    struct html *h;
    bool *drawn; /* by index of the node */
};

static size_t node_index(const struct tree *tree, const char *id)
{
    for (size_t i = 0; i < tree_node_count(tree); i++)
        if (strcmp(tree_node_at(tree, i).id, id) == 0)
            return i;
    return SIZE_MAX;
}

static const struct decision_step *step_at(const struct advice *a, const char *id)
{
    for (size_t i = 0; i < a->n_path; i++)
        if (strcmp(a->path[i].id, id) == 0)
            return &a->path[i];
    return NULL;
}

static void draw_leaf(const struct drawing *d, const char *id, bool taken)
{
    const struct tree *tree = d->h->tree;

    for (size_t i = 0; i < tree_leaf_count(tree); i++) {
        const struct tree_leaf leaf = tree_leaf_at(tree, i);
        const struct wording_leaf *wording = leaf.wording ? wording_leaf(leaf.wording) : NULL;

        if (strcmp(leaf.id, id) != 0)
            continue;
        buffer_format(d->h->b, "<span class=\"leaf%s\">%s", taken ? " taken" : "",
                      leaf.model_current           ? "stay with the model in use"
                      : leaf.model == MODEL_NONE   ? "no verdict"
                      : leaf.change == CHANGE_KEEP ? "keep "
                      : leaf.change == CHANGE_FIX  ? "mend, stay with "
                                                   : "use ");
        if (!leaf.model_current && leaf.model != MODEL_NONE)
            buffer_add(d->h->b, wording_model(leaf.model));
        buffer_add(d->h->b, "</span>");
        if (wording) {
            buffer_add(d->h->b, " <span class=\"why\">");
            escape_html(d->h->b, wording->why);
            buffer_add(d->h->b, "</span>");
        }
        return;
    }
}

/* "82 %, limit 15 %: below that ..." */
static void add_value(struct buffer *b, const struct tree_node *node, const struct decision_step *step)
{
    bool flag = strcmp(node->unit, "bool") == 0;

    buffer_add(b, "<span class=\"value\">");
    if (step && !flag)
        buffer_format(b, "<strong>%s</strong>, ", format_metric(step->value, node->unit).text);
    if (!flag) {
        buffer_add(b, "limit ");
        escape_html(b, node->comparison);
        buffer_format(b, " %s", format_metric(node->limit, node->unit).text);
    }
    if (step)
        buffer_format(b, "%s<em>%s</em>", flag ? "" : ": ", step->answer ? "yes" : "no");
    buffer_add(b, "</span>");
}

static void draw(struct drawing *d, const char *id);

static void draw_branch(struct drawing *d, const char *label, const char *id)
{
    buffer_format(d->h->b, "<li><span class=\"label\">%s</span> ", label);
    draw(d, id);
    buffer_add(d->h->b, "</li>\n");
}

static void add_reason(struct buffer *b, const struct tree_node *node)
{
    if (!node->reason || !node->reason[0])
        return;
    buffer_add(b, "<p class=\"why\">");
    escape_html(b, node->reason);
    buffer_add(b, "</p>\n");
}

/* A node beside the way: folded, with all that is below it. */
static void draw_node(struct drawing *d, size_t index)
{
    const struct tree_node node = tree_node_at(d->h->tree, index);
    struct buffer *b = d->h->b;

    buffer_add(b, "<details id=\"node-");
    escape_html(b, node.id);
    buffer_add(b, "\"><summary>");
    escape_html(b, node.question);
    buffer_add(b, " ");
    add_value(b, &node, NULL);
    buffer_add(b, "</summary>\n");
    add_reason(b, &node);
    buffer_add(b, "<ul>\n");
    draw_branch(d, "yes", node.yes);
    draw_branch(d, "no", node.no);
    buffer_add(b, "</ul></details>");
}

static void draw(struct drawing *d, const char *id)
{
    size_t index = node_index(d->h->tree, id);

    if (index == SIZE_MAX) {
        draw_leaf(d, id, false);
    } else if (d->drawn[index]) {
        buffer_add(d->h->b, "<a href=\"#node-");
        escape_html(d->h->b, id);
        buffer_add(d->h->b, "\">");
        escape_html(d->h->b, tree_node_at(d->h->tree, index).question);
        buffer_add(d->h->b, "</a>");
    } else {
        d->drawn[index] = true;
        draw_node(d, index);
    }
}

/* A step of the way: question, value against limit, answer; the other answer folded below. */
static const char *draw_step(struct drawing *d, const struct tree_node *node, const struct decision_step *step)
{
    struct buffer *b = d->h->b;

    buffer_add(b, "<li class=\"taken\" id=\"node-");
    escape_html(b, node->id);
    buffer_add(b, "\">");
    escape_html(b, node->question);
    buffer_add(b, " ");
    add_value(b, node, step);
    buffer_add(b, "\n");
    add_reason(b, node);
    buffer_format(b, "<div class=\"else\"><span class=\"label\">%s</span> ", step->answer ? "no" : "yes");
    draw(d, step->answer ? node->no : node->yes);
    buffer_add(b, "</div></li>\n");
    return step->answer ? node->yes : node->no;
}

/* The way from the root on, one step below the other. */
static void draw_way(struct drawing *d)
{
    const struct tree *tree = d->h->tree;
    const char *id = tree_root(tree);
    const struct decision_step *step;

    for (size_t i = 0; i < d->h->a->n_path; i++) {
        size_t index = node_index(tree, d->h->a->path[i].id);

        if (index != SIZE_MAX)
            d->drawn[index] = true;
    }
    buffer_add(d->h->b, "<ol class=\"way\">\n");
    while (node_index(tree, id) != SIZE_MAX && (step = step_at(d->h->a, id))) {
        const struct tree_node node = tree_node_at(tree, node_index(tree, id));

        id = draw_step(d, &node, step);
    }
    buffer_add(d->h->b, "<li class=\"taken end\">");
    if (node_index(tree, id) == SIZE_MAX)
        draw_leaf(d, id, true);
    else
        draw(d, id);
    buffer_add(d->h->b, "</li>\n</ol>\n");
}

void html_tree(struct html *h)
{
    AUTO_FREE bool *drawn = calloc(tree_node_count(h->tree) + 1, sizeof(*drawn));
    struct drawing d = {.h = h, .drawn = drawn};

    if (!drawn) {
        h->b->error = -ENOMEM;
        return;
    }
    buffer_add(h->b, "<section id=\"tree\">\n<h2>The way through the decision tree</h2>\n<div class=\"tree\">");
    draw_way(&d);
    if (h->a->evidence.disagrees)
        buffer_format(h->b, "<p>Overruled by the replay: <strong>%s</strong>.</p>\n",
                      wording_model(h->a->recommendation.model));
    buffer_add(h->b, "</div>\n</section>\n");
}
