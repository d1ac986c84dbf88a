/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/markdown.h"

#include "analyzer/advice.h"
#include "report/buffer.h"
#include "report/command.h"
#include "report/escape.h"
#include "report/evidence_rows.h"
#include "report/format.h"
#include "report/sketch.h"
#include "report/time_rows.h"
#include "report/verdict.h"
#include "report/wording.h"

/* Of a command so many bytes: a ticket has room for 65,536 characters in all. */
#define MOST_COMMAND 1000

/* Steps of the path that are shown, as in the text. */
#define PATH_STEPS 4

/* A field of a fixed size that may lack its terminator. */
static void add_field(struct buffer *b, const char *raw, size_t size)
{
    AUTO_FREE char *text = strndup(raw, size);

    if (!text && !b->error)
        b->error = -ENOMEM;
    escape_markdown(b, text);
}

void markdown_add_place(struct buffer *b, const struct frame *frame)
{
    bool named = frame && strcmp(frame->function, "?") != 0;

    if (!frame)
        return;
    if (named)
        escape_markdown_code(b, frame->function, true);
    if (!frame->file && !frame->module)
        return;
    buffer_add(b, named ? " " : "");
    escape_markdown(b, base_last_part(frame->file ? frame->file : frame->module));
    if (frame->file && frame->line > 0)
        buffer_format(b, ":%u", frame->line);
}

static void add_facts(struct buffer *b, const struct measurement *m)
{
    AUTO_BUFFER command = {0};
    const struct runtime *runtime = &m->target.runtime;

    command_add_cut(&command, &m->target, MOST_COMMAND);
    escape_markdown_code(b, buffer_text(&command), false);
    buffer_format(b, ", %s thread%s", format_count(m->threads_total).text, m->threads_total == 1 ? "" : "s");
    if (m->processes_total > 1)
        buffer_format(b, " in %s processes", format_count(m->processes_total).text);
    buffer_format(b, ", %s, ", format_duration_fine(m->wall_ns).text);
    command_add_ending(b, &m->target);
    buffer_format(b, "; %s", runtime_name(runtime->kind));
    if (runtime->version[0]) {
        buffer_add(b, " ");
        add_field(b, runtime->version, sizeof(runtime->version));
    }
    buffer_format(b, ", %u CPU%s, ", measurement_cpus(m), measurement_cpus(m) == 1 ? "" : "s");
    add_field(b, m->machine.kernel, sizeof(m->machine.kernel));
    buffer_add(b, "\n");
    if (command.error && !b->error)
        b->error = command.error;
}

static void add_verdict(struct buffer *b, const struct advice *a)
{
    const struct recommendation *r = &a->recommendation;
    AUTO_BUFFER said = {0};

    buffer_add(b, "## concadvise: ");
    verdict_headline(b, r);
    buffer_add(b, "\n\n");
    verdict_expectation(&said, r);
    if (said.length > 0)
        buffer_add(&said, " ");
    verdict_reason(&said, r);
    buffer_add(b, buffer_text(&said)); /* our own words and numbers */
    if (r->model != MODEL_NONE)
        buffer_format(b, " Confidence: %s", confidence_to_str(r->confidence));
    for (size_t i = 0; i < r->n_confidence_reasons && r->model != MODEL_NONE; i++) {
        buffer_add(b, i == 0 ? " (" : "; ");
        escape_markdown(b, r->confidence_reasons[i]);
    }
    buffer_add(b, r->model == MODEL_NONE ? "\n\n" : r->n_confidence_reasons > 0 ? ").\n\n" : ".\n\n");
    if (said.error && !b->error)
        b->error = said.error;
}

static void add_list(struct buffer *b, const char *title, char *const *items, size_t n, bool numbered)
{
    if (n == 0)
        return;
    buffer_format(b, "\n### %s\n", title);
    for (size_t i = 0; i < n; i++) {
        if (numbered)
            buffer_format(b, "%zu. ", i + 1);
        else
            buffer_add(b, "- ");
        escape_markdown(b, items[i]);
        buffer_add(b, "\n");
    }
}

static void add_actions(struct buffer *b, const struct recommendation *r)
{
    const struct wording_leaf *leaf = r->why_id ? wording_leaf(r->why_id) : NULL;

    add_list(b, "What to do", r->actions, r->n_actions, true);
    if (r->n_actions == 0 && leaf && leaf->how && r->model != MODEL_NONE)
        buffer_format(b, "\n### What to do\n%s\n", leaf->how);
    if (!wording_construct(r))
        return;
    buffer_add(b, "\nWith ");
    escape_markdown_code(b, r->construct, false);
    buffer_add(b, "\n");
}

/* Code of a sketch is plain ASCII without backticks: nothing in it ends the fence. */
static void add_sketch(struct buffer *b, const struct sketch *sketch)
{
    AUTO_SKETCH text = {0};
    AUTO_BUFFER place = {0};
    int r = sketch_text_fill(sketch, &text);

    sketch_place(&place, sketch);
    buffer_format(b, "\nIn Python, %s", text.title ? text.title : "");
    if (place.length > 0)
        buffer_add(b, ": ");
    escape_markdown(b, buffer_text(&place));
    buffer_format(b, "\n\n```python\n# before\n%s\n\n# after\n%s%s%s\n```\n", buffer_text(&text.before),
                  buffer_text(&text.imports), text.imports.length > 0 ? "\n\n" : "", buffer_text(&text.after));
    if (text.note.length > 0) {
        buffer_add(b, "\n");
        escape_markdown(b, buffer_text(&text.note));
        buffer_add(b, "\n");
    }
    if (!b->error)
        b->error = r < 0 ? r : place.error;
}

static void add_sketches(struct buffer *b, const struct recommendation *r)
{
    for (size_t i = 0; i < r->n_sketches; i++)
        add_sketch(b, &r->sketches[i]);
}

static void add_time(struct buffer *b, const struct measurement *m)
{
    struct time_row rows[TIME_ROWS_MAX];
    size_t n = time_rows_collect(m, rows);

    if (m->thread_time_ns == 0)
        return;
    buffer_format(b, "\n### Where thread time went (%s)\n| state | share | time | mostly at |\n|---|---:|---:|---|\n",
                  format_duration(m->thread_time_ns).text);
    for (size_t i = 0; i < n; i++) {
        uint64_t place_ns = 0;
        const struct frame *frame =
            rows[i].placed ? time_rows_top_frame(m, rows[i].on_cpu, rows[i].cause, &place_ns) : NULL;

        if (!rows[i].on_cpu && rows[i].time_ns < m->thread_time_ns / 200)
            continue;
        buffer_format(b, "| %s | %s | %s | ", rows[i].label, format_share_of(rows[i].time_ns, m->thread_time_ns).text,
                      format_duration(rows[i].time_ns).text);
        if (place_ns >= rows[i].time_ns / 10)
            markdown_add_place(b, frame);
        buffer_add(b, " |\n");
    }
    if (m->unattributed_ns > 0)
        buffer_format(b, "| unattributed | %s | %s | |\n", format_share_of(m->unattributed_ns, m->thread_time_ns).text,
                      format_duration(m->unattributed_ns).text);
}

/* "crawl.py:88" stands in the sentence already. */
static bool names_place(const char *sentence, const struct frame *frame)
{
    AUTO_BUFFER place = {0};

    if (!frame->file || frame->line == 0)
        return false;
    buffer_format(&place, "%s:%u", base_last_part(frame->file), frame->line);
    return place.error == 0 && strstr(sentence, buffer_text(&place));
}

static void add_finding(struct buffer *b, const struct finding *finding)
{
    const struct wording_finding *wording = wording_finding(finding->id);
    const struct frame *frame =
        finding->n_sites > 0 ? advice_near_frame_in(finding->sites[0].frames, finding->sites[0].n_frames) : NULL;
    const char *remedy = finding->remedy ? finding->remedy : wording ? wording->action : NULL;

    buffer_format(b, "- **CA%04d** %s, %s: ", finding->id, severity_to_str(finding->severity),
                  wording ? wording->title : "finding");
    escape_markdown(b, finding->detail);
    if (frame && !names_place(finding->detail, frame)) {
        buffer_add(b, "; at ");
        markdown_add_place(b, frame);
    }
    if (remedy)
        buffer_add(b, ".\n  Do: ");
    escape_markdown(b, remedy);
    buffer_add(b, "\n");
}

/* A list: sentences in the cells of a table stand one word below the other. */
static void add_findings(struct buffer *b, const struct advice *a)
{
    if (a->n_findings == 0)
        return;
    buffer_add(b, "\n### Findings\n");
    for (size_t i = 0; i < a->n_findings; i++)
        add_finding(b, &a->findings[i]);
}

static void add_evidence_row(struct buffer *b, const struct evidence_row *row)
{
    const char *bold = row->recommended ? "**" : "";

    buffer_format(b, "| %s%s%s | %u | %s | ", bold, row->name, bold, row->workers,
                  format_duration_fine(row->median_ns).text);
    if (row->interval_ns[1] > row->interval_ns[0])
        buffer_add(b, format_duration_range(row->interval_ns).text);
    buffer_format(b, " | %s | %s |\n", format_speedup(row->speedup).text, evidence_source_to_str(row->source));
}

static void add_evidence(struct buffer *b, const struct advice *a)
{
    struct evidence_row rows[EVIDENCE_ROWS_MAX];
    size_t n = a->recommendation.model == MODEL_NONE ? 0 : evidence_rows(a, rows);
    const struct evidence *e = &a->evidence;

    if (n == 0)
        return;
    buffer_add(
        b, "\n### Evidence\n| model | workers | time | 95 % CI | speed-up | from |\n|---|---:|---:|---|---:|---|\n");
    for (size_t i = 0; i < n; i++)
        add_evidence_row(b, &rows[i]);
    if (e->runs > 0 && e->replayed_now_ns > 0)
        buffer_format(b, "\nThe program as it is now, replayed: %s (fidelity %s), %zu run%s per model.",
                      format_duration_fine(e->replayed_now_ns).text, format_share_fine(e->fidelity).text, e->runs,
                      e->runs == 1 ? "" : "s");
    for (size_t i = 0; i < e->n_ties && i < MODEL_COUNT; i++)
        buffer_format(b, "%s%s", i == 0 ? "\nTies with the recommended one: " : ", ", wording_model(e->ties[i]));
    buffer_add(b, "\n");
}

/* The last questions decide; those before only opened the way to them. */
static void add_path(struct buffer *b, const struct advice *a)
{
    size_t first = a->n_path > PATH_STEPS ? a->n_path - PATH_STEPS : 0;

    if (a->n_path == 0)
        return;
    buffer_add(b, "\n### The way through the tree\n");
    if (first > 0)
        buffer_format(b, "After %zu question%s that only opened the way:\n\n", first, first == 1 ? "" : "s");
    buffer_add(b, "| question | answer | value | limit |\n|---|---|---:|---:|\n");
    for (size_t i = first; i < a->n_path; i++) {
        const struct decision_step *step = &a->path[i];
        bool number = strcmp(step->unit, "bool") != 0;

        buffer_add(b, "| ");
        escape_markdown(b, step->question);
        buffer_format(b, " | %s | %s | %s |\n", step->answer ? "yes" : "no",
                      number ? format_metric(step->value, step->unit).text : "",
                      number ? format_metric(step->limit, step->unit).text : "");
    }
}

/* What must not be overlooked about the run itself. */
static void add_notes(struct buffer *b, const struct measurement *m)
{
    if (m->thread_time_ns > 0 && m->unattributed_ns > m->thread_time_ns / 100)
        buffer_format(b, "\n**Note:** %s of the thread time could not be attributed to anything.\n",
                      format_share_of(m->unattributed_ns, m->thread_time_ns).text);
    for (size_t i = 0; i < m->n_notes; i++) {
        buffer_add(b, "\n**Note:** ");
        escape_markdown(b, m->notes[i]);
        buffer_add(b, "\n");
    }
}

int markdown_write(FILE *out, const struct measurement *m, const struct advice *a)
{
    const struct recommendation *r = &a->recommendation;
    AUTO_BUFFER b = {0};

    add_verdict(&b, a);
    add_facts(&b, m);
    add_notes(&b, m);
    add_actions(&b, r);
    add_sketches(&b, r);
    add_time(&b, m);
    add_findings(&b, a);
    add_evidence(&b, a);
    add_list(&b, "What would change the answer", r->flips_if, r->n_flips_if, false);
    add_list(&b, "Assumed", r->assumptions, r->n_assumptions, false);
    add_list(&b, "Not seen", r->not_seen, r->n_not_seen, false);
    add_path(&b, a);
    buffer_add(&b, "\n---\nconcadvise ");
    add_field(&b, m->tool_version, sizeof(m->tool_version));
    buffer_add(&b, "; `concadvise explain ID` says more about a finding\n");
    if (b.error)
        return b.error;
    (void)fwrite(buffer_text(&b), 1, b.length, out);
    return 0;
}
