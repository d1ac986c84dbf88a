/* SPDX-License-Identifier: BSD-2-Clause */
/* explain: `concadvise explain`: a finding in full, and the tree as a drawing. */
#include "analyzer/findings/findings.h"
#include "analyzer/tree.h"
#include "report/buffer.h"
#include "report/escape.h"
#include "report/format.h"
#include "report/layout.h"
#include "report/report.h"
#include "report/sketch.h"
#include "report/wording.h"

#define EXPLAIN_INDENT 8
#define CODE_INDENT 4

/* For Python programs; what the report has for one of them has its names and numbers in it. */
static int explain_sketch(const struct layout *l, int id)
{
    const struct sketch sketch = sketch_of_finding(id);
    AUTO_SKETCH text = {0};
    int r = sketch.id == SKETCH_NONE ? -ENOENT : sketch_text_fill(&sketch, &text);

    if (r < 0)
        return r == -ENOENT ? 0 : r;
    layout_paragraph(l, "PYTHON", EXPLAIN_INDENT, 0, text.title);
    layout_code(l, CODE_INDENT, "# before");
    layout_code(l, CODE_INDENT, buffer_text(&text.before));
    layout_code(l, CODE_INDENT, "# after");
    layout_code(l, CODE_INDENT, buffer_text(&text.imports));
    if (text.imports.length > 0)
        layout_end(l);
    layout_code(l, CODE_INDENT, buffer_text(&text.after));
    if (text.note.length > 0)
        layout_paragraph(l, "", EXPLAIN_INDENT, 0, buffer_text(&text.note));
    return 0;
}

int report_explain_finding(FILE *out, int id, unsigned width)
{
    const struct wording_finding *wording = wording_finding(id);
    const char *slug = finding_slug(id);
    AUTO_BUFFER title = {0};
    struct layout l;
    int r;

    if (!wording || !slug)
        return -ENOENT;
    layout_init(&l, out, width, false, false);
    buffer_format(&title, "CA%04d %s: %s", id, slug, wording->title);
    layout_paragraph(&l, "", 0, 2, buffer_text(&title));
    layout_end(&l);
    layout_paragraph(&l, "SEEN", EXPLAIN_INDENT, 0, wording->seen);
    layout_paragraph(&l, "WHY", EXPLAIN_INDENT, 0, wording->why);
    layout_paragraph(&l, "DO", EXPLAIN_INDENT, 0, wording->action);
    layout_paragraph(&l, "CHECK", EXPLAIN_INDENT, 0, wording->check);
    r = explain_sketch(&l, id);
    if (r == 0)
        r = title.error;
    if (r < 0)
        return r;
    return ferror(out) ? -EIO : 0;
}

/* "CA2001  interpreter-lock-convoy     " and the title */
#define SLUG_COLUMN 8
#define TITLE_COLUMN 36

int report_explain_list(FILE *out, unsigned width)
{
    const int *ids = NULL;
    size_t n = finding_ids(&ids);
    struct layout l;

    layout_init(&l, out, width, false, false);
    for (size_t i = 0; i < n; i++) {
        const struct wording_finding *wording = wording_finding(ids[i]);
        AUTO_BUFFER line = {0};

        buffer_format(&line, "CA%04d  %-*s", ids[i], TITLE_COLUMN - SLUG_COLUMN, finding_slug(ids[i]));
        layout_put(&l, LAYOUT_PLAIN, buffer_text(&line));
        layout_continue(&l, TITLE_COLUMN, wording ? wording->title : "");
        if (line.error)
            return line.error;
    }
    return ferror(out) ? -EIO : 0;
}

/*
 * Drawing state. A node reached on several ways is drawn once, on the way that branches off least, and referred to
 * elsewhere: `later` counts for each node the trunks, still to be drawn, that lead to it.
 */
struct drawing {
    struct layout layout;
    const struct tree *tree;
    bool *drawn;
    size_t *later;
    int error;
};

static const size_t not_found = SIZE_MAX;

static size_t node_index(const struct tree *tree, const char *id)
{
    for (size_t i = 0; i < tree_node_count(tree); i++)
        if (strcmp(tree_node_at(tree, i).id, id) == 0)
            return i;
    return not_found;
}

static void draw_leaf(struct drawing *d, const char *id, const char *label, size_t indent)
{
    AUTO_BUFFER b = {0};

    for (size_t i = 0; i < tree_leaf_count(d->tree); i++) {
        struct tree_leaf leaf = tree_leaf_at(d->tree, i);
        const struct wording_leaf *wording = wording_leaf(leaf.wording);

        if (strcmp(leaf.id, id) != 0)
            continue;
        if (leaf.model_current)
            buffer_format(&b, "=> %s, the model in use", change_to_str(leaf.change));
        else if (leaf.model == MODEL_NONE)
            buffer_add(&b, "=> no verdict");
        else
            buffer_format(&b, "=> %s %s", change_to_str(leaf.change), wording_model(leaf.model));
        if (wording && wording->fix)
            buffer_format(&b, ": %s", wording->fix);
        buffer_add(&b, " [");
        escape_terminal(&b, leaf.id, false);
        buffer_add(&b, "]");
    }
    layout_pad(&d->layout, indent);
    layout_put(&d->layout, LAYOUT_PLAIN, label);
    layout_continue(&d->layout, indent + strlen(label), buffer_text(&b));
    d->error = d->error ? d->error : b.error;
}

/* A node's own lines: its question with the test, then why the limit is where it is. */
static void draw_node(struct drawing *d, const struct tree_node *node, const char *label, size_t indent,
                      const char *elsewhere)
{
    const char *meaning = wording_metric(node->metric);
    AUTO_BUFFER b = {0};

    escape_terminal(&b, node->question, false);
    buffer_add(&b, "  [");
    escape_terminal(&b, node->id, false);
    buffer_add(&b, "]");
    layout_pad(&d->layout, indent);
    layout_put(&d->layout, LAYOUT_PLAIN, label);
    if (elsewhere)
        buffer_format(&b, " (see %s)", elsewhere);
    layout_continue(&d->layout, indent + strlen(label), buffer_text(&b));
    if (!elsewhere) {
        buffer_reset(&b);
        escape_terminal(&b, node->metric, false);
        buffer_add(&b, " ");
        escape_terminal(&b, node->comparison, false);
        buffer_format(&b, " %s", format_metric(node->limit, node->unit).text);
        if (meaning)
            buffer_format(&b, " (%s)", meaning);
        if (node->reason && node->reason[0]) {
            buffer_add(&b, ": ");
            escape_terminal(&b, node->reason, false);
        }
        layout_paragraph(&d->layout, "", indent + strlen(label), 0, buffer_text(&b));
    }
    d->error = d->error ? d->error : b.error;
}

/* Add `by` to `later` of every node that can be reached from `id`. */
static void mark_later(struct drawing *d, const char *id, size_t by, bool *visited)
{
    size_t index = node_index(d->tree, id);
    struct tree_node node;

    if (index == not_found || visited[index])
        return;
    visited[index] = true;
    d->later[index] += by;
    node = tree_node_at(d->tree, index);
    mark_later(d, node.yes, by, visited);
    mark_later(d, node.no, by, visited);
}

static void count_later(struct drawing *d, const char *id, size_t by)
{
    AUTO_FREE bool *visited = calloc(tree_node_count(d->tree) + 1, sizeof(*visited));

    if (visited)
        mark_later(d, id, by, visited);
    else
        d->error = d->error ? d->error : -ENOMEM;
}

static void draw(struct drawing *d, const char *id, const char *label, size_t indent);

/* The trunk goes on at the same depth; a leaf, or else what "yes" leads to, hangs to the right of it. */
static void draw_branches(struct drawing *d, const struct tree_node *node, size_t indent)
{
    if (node_index(d->tree, node->no) == not_found) {
        draw(d, node->no, "no:  ", indent + 4);
        draw(d, node->yes, "yes: ", indent);
        return;
    }
    count_later(d, node->no, 1);
    draw(d, node->yes, "yes: ", indent + 4);
    count_later(d, node->no, (size_t)-1);
    draw(d, node->no, "no:  ", indent);
}

/* The tree has no circles (tree_load checks), so the recursion ends. */
static void draw(struct drawing *d, const char *id, const char *label, size_t indent)
{
    size_t index = node_index(d->tree, id);
    const char *elsewhere;
    struct tree_node node;

    if (d->error)
        return;
    if (index == not_found) {
        draw_leaf(d, id, label, indent);
        return;
    }
    node = tree_node_at(d->tree, index);
    elsewhere = d->drawn[index] ? "above" : d->later[index] > 0 ? "below" : NULL;
    draw_node(d, &node, label, indent, elsewhere);
    if (elsewhere)
        return;
    d->drawn[index] = true;
    draw_branches(d, &node, indent);
}

int report_explain_tree(FILE *out, const struct tree *tree, unsigned width)
{
    struct drawing d = {.tree = tree};
    AUTO_FREE bool *drawn = calloc(tree_node_count(tree) + 1, sizeof(*drawn));
    AUTO_FREE size_t *later = calloc(tree_node_count(tree) + 1, sizeof(*later));

    if (!drawn || !later)
        return -ENOMEM;
    d.drawn = drawn;
    d.later = later;
    layout_init(&d.layout, out, width, false, false);
    draw(&d, tree_root(tree), "", 0);
    if (d.error)
        return d.error;
    return ferror(out) ? -EIO : 0;
}
