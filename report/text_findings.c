/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/text.h"

#include "report/escape.h"
#include "report/format.h"
#include "report/wording.h"

/* "  CA2001 high  " */
#define FINDING_INDENT 15
#define SITE_FRAMES 4

static const struct {
    const char *label;
    enum layout_style style;
} severities[] = {
    [SEVERITY_INFO] = {"info", LAYOUT_DIM},
    [SEVERITY_LOW] = {"low", LAYOUT_PLAIN},
    [SEVERITY_MEDIUM] = {"med", LAYOUT_WARN},
    [SEVERITY_HIGH] = {"high", LAYOUT_BAD},
};

static void add_title(struct text *t, struct buffer *b, const struct finding *finding)
{
    const struct wording_finding *wording = wording_finding(finding->id);

    buffer_add(b, wording ? wording->title : "finding");
    if (finding->detail[0]) {
        buffer_add(b, ": ");
        escape_terminal(b, finding->detail, t->layout.utf8);
    }
    if (finding->gain > 1.0)
        buffer_format(b, " (mending it: %s)", format_speedup_short(finding->gain).text);
}

static void finding_title(struct text *t, const struct finding *finding)
{
    const struct layout *l = &t->layout;
    AUTO_BUFFER title = {0}, place = {0}, label = {0};
    size_t columns, place_columns;

    add_title(t, &title, finding);
    if (finding->n_sites > 0)
        text_place(t, &place, text_site_frame(&finding->sites[0]));
    columns = FINDING_INDENT + escape_columns(buffer_text(&title));
    /* "held by parse() at crawl.py:88" has said it already. */
    if (place.length > 0 && strstr(buffer_text(&title), buffer_text(&place)))
        buffer_reset(&place);
    place_columns = escape_columns(buffer_text(&place));

    buffer_format(&label, "  CA%04d ", finding->id);
    layout_put(l, LAYOUT_PLAIN, buffer_text(&label));
    layout_cell(l, severities[finding->severity].style, severities[finding->severity].label,
                FINDING_INDENT - label.length);
    if (place_columns > 0 && columns + 2 + place_columns <= l->width) {
        layout_put(l, LAYOUT_PLAIN, buffer_text(&title));
        layout_pad(l, l->width - columns - place_columns);
        layout_put(l, LAYOUT_PLAIN, buffer_text(&place));
        layout_end(l);
    } else {
        if (place_columns > 0)
            buffer_format(&title, ", at %s", buffer_text(&place));
        /* The label stands already: the paragraph continues its line. */
        layout_continue(l, FINDING_INDENT, buffer_text(&title));
    }
    text_check(t, &title);
    text_check(t, &place);
    text_check(t, &label);
}

static void finding_site(struct text *t, const struct site *site, uint64_t whole_ns)
{
    AUTO_BUFFER b = {0};

    buffer_format(&b, "%s of it ", format_share_of(site->time_ns < whole_ns ? site->time_ns : whole_ns, whole_ns).text);
    buffer_add(&b, site->on_cpu ? "on-CPU" : wording_cause(site->cause, t->m->target.runtime.kind));
    for (size_t i = 0; i < site->n_frames && i < SITE_FRAMES; i++) {
        buffer_add(&b, i == 0 ? ": " : " < ");
        escape_terminal(&b, site->frames[i].function, t->layout.utf8);
        if (site->frames[i].file) {
            buffer_add(&b, " (");
            text_place(t, &b, &site->frames[i]);
            buffer_add(&b, ")");
        }
    }
    layout_paragraph(&t->layout, "", FINDING_INDENT, 2, buffer_text(&b));
    text_check(t, &b);
}

/* Why it costs time, what to do here, how to see that it helped. */
static void finding_words(struct text *t, const struct finding *finding)
{
    const struct wording_finding *wording = wording_finding(finding->id);
    AUTO_BUFFER why = {0}, action = {0}, check = {0};

    if (!wording)
        return;
    buffer_format(&why, "why: %s", wording->why);
    buffer_add(&action, "do: ");
    if (finding->remedy)
        escape_terminal(&action, finding->remedy, t->layout.utf8);
    else
        buffer_add(&action, wording->action);
    buffer_format(&check, "check: %s", wording->check);
    layout_paragraph(&t->layout, "", FINDING_INDENT, 2, buffer_text(&why));
    layout_paragraph(&t->layout, "", FINDING_INDENT, 2, buffer_text(&action));
    layout_paragraph(&t->layout, "", FINDING_INDENT, 2, buffer_text(&check));
    text_check(t, &why);
    text_check(t, &action);
    text_check(t, &check);
}

void text_findings(struct text *t)
{
    if (t->a->n_findings == 0)
        return;
    layout_put(&t->layout, LAYOUT_BOLD, "FINDINGS");
    layout_end(&t->layout);
    for (size_t i = 0; i < t->a->n_findings; i++) {
        const struct finding *finding = &t->a->findings[i];

        finding_title(t, finding);
        for (size_t s = 0; t->verbose && s < finding->n_sites; s++)
            finding_site(t, &finding->sites[s], finding->time_ns);
        if (t->verbose)
            finding_words(t, finding);
    }
}
