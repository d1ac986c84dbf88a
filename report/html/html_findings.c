/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/command.h"
#include "report/escape.h"
#include "report/format.h"
#include "report/html/html_parts.h"
#include "report/wording.h"

/* What a page shows of a finding; the JSON report has all. */
#define MOST_SITES 10
#define MOST_FRAMES 40

static void add_stack(struct html *h, const struct site *site)
{
    size_t shown = site->n_frames < MOST_FRAMES ? site->n_frames : MOST_FRAMES;

    buffer_format(h->b, "<details><summary>%s %s",
                  site->on_cpu ? "on-CPU" : wording_cause(site->cause, h->m->target.runtime.kind),
                  format_duration(site->time_ns).text);
    if (site->n_frames > 0) {
        buffer_add(h->b, " at ");
        html_place(h->b, advice_near_frame_in(site->frames, site->n_frames));
    }
    buffer_add(h->b, "</summary><ol class=\"stack\">\n");
    for (size_t i = 0; i < shown; i++) {
        buffer_add(h->b, "<li>");
        html_place(h->b, &site->frames[i]);
        buffer_add(h->b, "</li>\n");
    }
    if (shown < site->n_frames)
        buffer_format(h->b, "<li>and %zu further out</li>\n", site->n_frames - shown);
    buffer_add(h->b, "</ol></details>\n");
}

static void add_stacks(struct html *h, const struct finding *finding)
{
    size_t most = h->tight ? 0 : MOST_SITES;
    size_t shown = finding->n_sites < most ? finding->n_sites : most;

    for (size_t i = 0; i < shown; i++)
        add_stack(h, &finding->sites[i]);
    if (shown < finding->n_sites)
        buffer_format(h->b, "<p class=\"why\">%zu %s not shown.</p>\n", finding->n_sites - shown,
                      finding->n_sites - shown == 1 ? "stack is" : "stacks are");
}

static void add_paragraph(struct buffer *b, const char *title, const char *text)
{
    buffer_format(b, "<p><strong>%s</strong> ", title);
    escape_html(b, text);
    buffer_add(b, "</p>\n");
}

static void add_finding(struct html *h, const struct finding *finding)
{
    const struct wording_finding *wording = wording_finding(finding->id);

    buffer_format(h->b,
                  "<article class=\"finding %s\" id=\"CA%04d\">\n<h3>CA%04d <span class=\"severity\">%s</span> %s: ",
                  severity_to_str(finding->severity), finding->id, finding->id, severity_to_str(finding->severity),
                  wording ? wording->title : "finding");
    escape_html(h->b, finding->detail);
    buffer_add(h->b, "</h3>\n");
    if (finding->gain > 1.0)
        buffer_format(h->b, "<p>Mending it: %s.</p>\n", format_speedup_short(finding->gain).text);
    if (finding->remedy)
        add_paragraph(h->b, "Do", finding->remedy);
    else if (wording)
        add_paragraph(h->b, "Do", wording->action);
    if (wording) {
        add_paragraph(h->b, "Why", wording->why);
        add_paragraph(h->b, "Check", wording->check);
    }
    add_stacks(h, finding);
    buffer_add(h->b, "</article>\n");
}

void html_findings(struct html *h)
{
    buffer_add(h->b, "<section id=\"findings\">\n<h2>Findings</h2>\n");
    if (h->a->n_findings == 0)
        buffer_add(h->b, "<p>None.</p>\n");
    for (size_t i = 0; i < h->a->n_findings; i++)
        add_finding(h, &h->a->findings[i]);
    buffer_add(h->b, "</section>\n");
}

static void add_environment(struct html *h)
{
    const struct machine *machine = &h->m->machine;
    AUTO_BUFFER command = {0};

    command_add_cut(&command, &h->m->target, HTML_MOST_COMMAND);
    buffer_format(h->b, "<h3>Environment</h3>\n<ul>\n<li>%u CPU%s, %u of them allowed", machine->cpus,
                  machine->cpus == 1 ? "" : "s", machine->cpus_allowed);
    if (machine->cpu_quota > 0.0)
        buffer_format(h->b, ", quota %s", format_number(machine->cpu_quota).text);
    buffer_format(h->b, "; memory %s", format_bytes(machine->memory_bytes).text);
    if (machine->memory_limit_bytes > 0)
        buffer_format(h->b, ", the cgroup allows %s", format_bytes(machine->memory_limit_bytes).text);
    buffer_add(h->b, "</li>\n<li>Again: <code>concadvise -o report.html ");
    if (h->m->target.attached)
        buffer_format(h->b, "-p %d -d %llus", (int)h->m->target.pid,
                      (unsigned long long)(h->m->wall_ns / NSEC_PER_SEC + 1));
    else
        buffer_add(h->b, "-- ");
    if (!h->m->target.attached)
        escape_html(h->b, buffer_text(&command));
    buffer_add(h->b, "</code></li>\n</ul>\n");
    if (command.error && !h->b->error)
        h->b->error = command.error;
}

void html_notes(struct html *h)
{
    const struct recommendation *r = &h->a->recommendation;

    buffer_add(h->b, "<section id=\"notes\">\n<h2>What it rests on</h2>\n");
    html_list(h->b, "What would change the answer", r->flips_if, r->n_flips_if, "ul");
    html_list(h->b, "Assumed", r->assumptions, r->n_assumptions, "ul");
    html_list(h->b, "Not seen", r->not_seen, r->n_not_seen, "ul");
    add_environment(h);
    buffer_add(h->b, "</section>\n");
}
