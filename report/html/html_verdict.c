/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/base.h"
#include "report/command.h"
#include "report/escape.h"
#include "report/format.h"
#include "report/html/html_parts.h"
#include "report/sketch.h"
#include "report/verdict.h"
#include "report/wording.h"

static void add_field(struct buffer *b, const char *raw, size_t size)
{
    AUTO_FREE char *text = strndup(raw, size);

    if (!text && !b->error)
        b->error = -ENOMEM;
    escape_html(b, text);
}

static void add_escaped(struct buffer *b, const struct buffer *raw)
{
    if (raw->error && !b->error)
        b->error = raw->error;
    escape_html(b, buffer_text(raw));
}

void html_header(struct html *h)
{
    const struct measurement *m = h->m;
    const struct runtime *runtime = &m->target.runtime;
    AUTO_BUFFER command = {0};

    command_add_cut(&command, &m->target, HTML_MOST_COMMAND);
    buffer_add(h->b, "<header>\n<p class=\"command\"><code>");
    add_escaped(h->b, &command);
    buffer_add(h->b, "</code></p>\n<p class=\"facts\">");
    buffer_format(h->b, "%s, ", format_duration_fine(m->wall_ns).text);
    command_add_ending(h->b, &m->target);
    buffer_format(h->b, "; %s thread%s in %s process%s; %s", format_count(m->threads_total).text,
                  m->threads_total == 1 ? "" : "s", format_count(m->processes_total).text,
                  m->processes_total == 1 ? "" : "es", runtime_name(runtime->kind));
    if (runtime->version[0]) {
        buffer_add(h->b, " ");
        add_field(h->b, runtime->version, sizeof(runtime->version));
    }
    buffer_format(h->b, "; %u CPU%s, ", measurement_cpus(m), measurement_cpus(m) == 1 ? "" : "s");
    add_field(h->b, m->machine.kernel, sizeof(m->machine.kernel));
    buffer_add(h->b, "</p>\n</header>\n");
}

void html_list(struct buffer *b, const char *title, char *const *items, size_t n, const char *tag)
{
    if (n == 0)
        return;
    buffer_format(b, "<h3>%s</h3>\n<%s>\n", title, tag);
    for (size_t i = 0; i < n; i++) {
        buffer_add(b, "<li>");
        escape_html(b, items[i]);
        buffer_add(b, "</li>\n");
    }
    buffer_format(b, "</%s>\n", tag);
}

static void add_confidence(struct buffer *b, const struct recommendation *r)
{
    if (r->model == MODEL_NONE)
        return;
    buffer_format(b, "<p class=\"confidence\">Confidence: <strong>%s</strong>", confidence_to_str(r->confidence));
    for (size_t i = 0; i < r->n_confidence_reasons; i++) {
        buffer_add(b, i == 0 ? ": " : "; ");
        escape_html(b, r->confidence_reasons[i]);
    }
    buffer_add(b, "</p>\n");
}

/* A line break is none of the characters that may be shown, but here it is ours. */
static void add_lines(struct buffer *b, const char *code)
{
    while (*code) {
        size_t n = strcspn(code, "\n");
        AUTO_FREE char *line = strndup(code, n);

        if (!line && !b->error)
            b->error = -ENOMEM;
        escape_html(b, line);
        code += n;
        buffer_add(b, *code ? "\n" : "");
        code += *code != '\0';
    }
}

static void add_code(struct buffer *b, const char *title, const char *imports, const char *code)
{
    buffer_format(b, "<h4>%s</h4>\n<pre><code>", title);
    add_lines(b, imports);
    buffer_add(b, *imports ? "\n\n" : "");
    add_lines(b, code);
    buffer_add(b, "</code></pre>\n");
}

static void add_sketch(struct buffer *b, const struct sketch *sketch)
{
    AUTO_SKETCH text = {0};
    AUTO_BUFFER place = {0};
    int r = sketch_text_fill(sketch, &text);

    sketch_place(&place, sketch);
    buffer_format(b, "<details class=\"sketch\" open><summary>In Python, %s", text.title ? text.title : "");
    buffer_add(b, place.length > 0 ? ": " : "");
    add_escaped(b, &place);
    buffer_add(b, "</summary>\n");
    add_code(b, "Before", "", buffer_text(&text.before));
    add_code(b, "After", buffer_text(&text.imports), buffer_text(&text.after));
    if (text.note.length > 0) {
        buffer_add(b, "<p>");
        add_escaped(b, &text.note);
        buffer_add(b, "</p>\n");
    }
    buffer_add(b, "</details>\n");
    if (r < 0 && !b->error)
        b->error = r;
}

void html_verdict(struct html *h)
{
    const struct recommendation *r = &h->a->recommendation;
    const struct wording_leaf *leaf = r->why_id ? wording_leaf(r->why_id) : NULL;
    AUTO_BUFFER head = {0}, expected = {0}, reason = {0};

    verdict_headline(&head, r);
    verdict_expectation(&expected, r);
    verdict_reason(&reason, r);
    buffer_format(h->b, "<section id=\"verdict\" class=\"card %s\">\n<h1>",
                  r->model == MODEL_NONE ? "none" : change_to_str(r->change));
    add_escaped(h->b, &head);
    buffer_add(h->b, "</h1>\n");
    if (expected.length > 0) {
        buffer_add(h->b, "<p class=\"expected\">");
        add_escaped(h->b, &expected);
        buffer_add(h->b, "</p>\n");
    }
    buffer_add(h->b, "<p>");
    add_escaped(h->b, &reason);
    buffer_add(h->b, "</p>\n");
    add_confidence(h->b, r);
    html_list(h->b, "What to do", r->actions, r->n_actions, "ol");
    if (r->n_actions == 0 && leaf && leaf->how && r->model != MODEL_NONE)
        buffer_format(h->b, "<h3>What to do</h3>\n<p>%s</p>\n", leaf->how);
    if (wording_construct(r)) {
        buffer_add(h->b, "<p>With <code>");
        escape_html(h->b, r->construct);
        buffer_add(h->b, "</code></p>\n");
    }
    for (size_t i = 0; i < r->n_sketches; i++)
        add_sketch(h->b, &r->sketches[i]);
    html_page_tools(h->b);
    buffer_add(h->b, "</section>\n");
}

static void add_note(struct buffer *b, const char *what, const char *text)
{
    buffer_format(b, "<li>%s%s</li>\n", what, text);
}

void html_quality(struct html *h)
{
    const struct measurement *m = h->m;
    const struct loss *loss = &m->loss;
    size_t failed = loss->stacks_failed < loss->stacks_taken ? loss->stacks_failed : loss->stacks_taken;

    buffer_add(h->b, "<section id=\"quality\">\n<h2>How good the data are</h2>\n<ul>\n");
    buffer_format(h->b, "<li>Thread time that nothing explains: %s</li>\n",
                  format_share_of(m->unattributed_ns, m->thread_time_ns).text);
    add_note(h->b, "Slices lost: ", format_count(loss->slices_dropped).text);
    if (loss->threads_dropped > 0)
        add_note(h->b, "Threads that found no slot, and are missing in all numbers: ",
                 format_count(loss->threads_dropped).text);
    if (loss->threads_omitted > 0)
        add_note(h->b, "Threads in the totals without a row of their own: ", format_count(loss->threads_omitted).text);
    if (loss->decimation > 1)
        buffer_format(h->b, "<li>%u neighbouring slices were made one while measuring</li>\n", loss->decimation);
    if (loss->stacks_taken > 0)
        buffer_format(h->b, "<li>Stacks with names: %s of %s</li>\n",
                      format_share_of(loss->stacks_taken - failed, loss->stacks_taken).text,
                      format_count(loss->stacks_taken).text);
    buffer_add(h->b, "<li>Probe: ");
    add_field(h->b, m->probe, sizeof(m->probe));
    buffer_format(h->b, "; CPU time it took itself: %s</li>\n", format_duration(m->overhead_ns).text);
    for (size_t i = 0; i < m->n_notes; i++) {
        buffer_add(h->b, "<li class=\"warn\">");
        escape_html(h->b, m->notes[i]);
        buffer_add(h->b, "</li>\n");
    }
    buffer_add(h->b, "</ul>\n</section>\n");
}
