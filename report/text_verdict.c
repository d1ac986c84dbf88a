/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/text.h"

#include "report/escape.h"
#include "report/format.h"
#include "report/verdict.h"
#include "report/wording.h"

static enum layout_style verdict_style(const struct recommendation *r)
{
    if (r->model == MODEL_NONE)
        return LAYOUT_WARN;
    return r->change == CHANGE_KEEP ? LAYOUT_GOOD : LAYOUT_BOLD;
}

/* The headline, and the confidence at the right end of its line where both fit. */
static void headline(struct text *t)
{
    const struct recommendation *r = &t->a->recommendation;
    const struct layout *l = &t->layout;
    AUTO_BUFFER head = {0}, confidence = {0};
    size_t used;

    verdict_headline(&head, r);
    if (r->model != MODEL_NONE)
        buffer_format(&confidence, "confidence: %s", confidence_to_str(r->confidence));
    used = TEXT_INDENT + head.length;
    if (confidence.length > 0 && used + 2 + confidence.length <= l->width) {
        layout_put(l, LAYOUT_BOLD, "VERDICT");
        layout_pad(l, TEXT_INDENT - strlen("VERDICT"));
        layout_put(l, verdict_style(r), buffer_text(&head));
        layout_pad(l, l->width - used - confidence.length);
        layout_put(l, LAYOUT_PLAIN, buffer_text(&confidence));
        layout_end(l);
    } else {
        layout_paragraph_styled(l, "VERDICT", TEXT_INDENT, verdict_style(r), buffer_text(&head));
        if (confidence.length > 0)
            layout_paragraph(l, "", TEXT_INDENT, 0, buffer_text(&confidence));
    }
    text_check(t, &head);
    text_check(t, &confidence);
}

static void expectation(struct text *t)
{
    AUTO_BUFFER b = {0};

    verdict_expectation(&b, &t->a->recommendation);
    if (b.length > 0)
        layout_paragraph(&t->layout, "", TEXT_INDENT, 0, buffer_text(&b));
    text_check(t, &b);
}

static void reason(struct text *t)
{
    AUTO_BUFFER b = {0};

    verdict_reason(&b, &t->a->recommendation);
    if (b.length > 0)
        layout_paragraph(&t->layout, "", TEXT_INDENT, 0, buffer_text(&b));
    text_check(t, &b);
}

static void doubts(struct text *t)
{
    const struct recommendation *r = &t->a->recommendation;
    const struct measurement *m = t->m;
    AUTO_BUFFER b = {0};

    if (r->n_confidence_reasons > 0 && r->model != MODEL_NONE) {
        buffer_format(&b, "Confidence is %s: ", confidence_to_str(r->confidence));
        for (size_t i = 0; i < r->n_confidence_reasons; i++) {
            buffer_add(&b, i > 0 ? "; " : "");
            escape_terminal(&b, r->confidence_reasons[i], t->layout.utf8);
        }
        buffer_add(&b, ".");
    }
    /* Above 1 % the verdict says so (DESIGN 2). */
    if (m->thread_time_ns > 0 && m->unattributed_ns > m->thread_time_ns / 100)
        buffer_format(&b, "%s%s of the thread time could not be attributed to anything.", b.length > 0 ? " " : "",
                      format_share_of(m->unattributed_ns, m->thread_time_ns).text);
    if (b.length > 0)
        layout_paragraph(&t->layout, "", TEXT_INDENT, 0, buffer_text(&b));
    text_check(t, &b);
}

void text_verdict(struct text *t)
{
    headline(t);
    expectation(t);
    reason(t);
    doubts(t);
}
