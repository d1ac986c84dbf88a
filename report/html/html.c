/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/html/html.h"

#include "analyzer/tree.h"
#include "base/base.h"
#include "report/escape.h"
#include "report/html/html_data.h"
#include "report/html/html_parts.h"
#include "report/json.h"
#include "report/markdown.h"

/* The embedded JSON report: rows of its long lists that a page holds. The file that -o report.json writes has all. */
#define MOST_THREADS 1000
#define MOST_PROCESSES 300
#define MOST_SITES 300

/* Of HTML_MOST_BYTES: what is plain HTML, and what the charts are drawn from. */
#define MOST_SECTIONS 500000u
#define MOST_DATA 3200000u

static void add_sections(struct html *h)
{
    html_header(h);
    buffer_add(h->b, "<main>\n");
    html_verdict(h);
    html_time(h);
    html_findings(h);
    html_evidence(h);
    html_threads(h);
    html_tree(h);
    html_notes(h);
    html_quality(h);
    buffer_add(h->b, "</main>\n");
}

struct run {
    const struct measurement *m;
    const struct advice *a;
};

static int write_json(FILE *out, const void *what)
{
    const struct run *run = what;

    return json_write(out, run->m, run->a);
}

static int write_markdown(FILE *out, const void *what)
{
    const struct run *run = what;

    return markdown_write(out, run->m, run->a);
}

static size_t at_most(size_t n, size_t most)
{
    return n < most ? n : most;
}

/* @param part  of the rows that a page holds otherwise, one in so many. @return as html_page_report() */
static int add_part_of_report(struct buffer *b, const struct measurement *m, const struct advice *a, size_t part)
{
    CLEANUP(html_arguments_clear) struct html_arguments arguments = {0};
    struct measurement shown = *m;
    const char *cut = "";
    int r = html_page_cut_arguments(&m->target, &arguments);

    if (r < 0)
        return r;
    shown.target.argv = arguments.argv;
    shown.target.n_argv = arguments.n;
    shown.n_threads = at_most(m->n_threads, MOST_THREADS / part);
    shown.n_processes = at_most(m->n_processes, MOST_PROCESSES / part);
    shown.n_sites = at_most(m->n_sites, MOST_SITES / part);
    if (shown.n_threads < m->n_threads || shown.n_processes < m->n_processes || shown.n_sites < m->n_sites)
        cut = arguments.last ? "its lists and the command are cut to what a page holds"
                             : "its lists of threads, processes and sites are cut to what a page holds";
    else if (arguments.last)
        cut = "the command is cut to what a page holds";
    return html_page_report(b, write_json, &(struct run){&shown, a}, "concadvise-report.json", cut);
}

/* The JSON report without what would not fit, or none; its copy on the page says how many rows there are in all. */
static int add_report(struct buffer *b, const struct measurement *m, const struct advice *a)
{
    int r = HTML_TOO_LONG;

    for (size_t part = 1; r == HTML_TOO_LONG && part <= MOST_SITES; part *= 4)
        r = add_part_of_report(b, m, a, part);
    if (r == HTML_TOO_LONG)
        buffer_add(b, "<p class=\"why\">The JSON report is too long for a page; -o report.json writes it.</p>\n");
    return r < 0 ? r : 0;
}

/* Long names make few places a lot of text: fewer of them then. */
static int add_data(struct buffer *b, const struct measurement *m)
{
    AUTO_BUFFER safe = {0};
    size_t sites = HTML_DATA_MOST_SITES;
    int r;

    do {
        AUTO_FREE char *text = NULL;
        size_t n = 0;

        buffer_reset(&safe);
        r = html_data(m, sites, &text, &n);
        if (r == 0)
            escape_json_script(&safe, text, n);
        sites /= 2;
    } while (r == 0 && safe.length > MOST_DATA && sites > 0);
    if (r < 0 || safe.error)
        return r < 0 ? r : safe.error;
    buffer_add(b, "<script type=\"application/json\" id=\"data\">");
    buffer_add_bytes(b, buffer_text(&safe), safe.length);
    buffer_add(b, "</script>\n");
    return 0;
}

int html_write(FILE *out, const struct measurement *m, const struct advice *a, const struct tree *tree)
{
    AUTO_BUFFER b = {0}, sections = {0};
    struct html h = {.b = &sections, .m = m, .a = a, .tree = tree ? tree : tree_builtin()};
    int r;

    html_page_begin(&b, m->target.n_argv > 0 ? m->target.argv[0] : "");
    add_sections(&h);
    if (sections.length > MOST_SECTIONS) {
        buffer_reset(&sections);
        h.tight = true;
        add_sections(&h);
    }
    buffer_add_bytes(&b, buffer_text(&sections), sections.length);
    r = sections.error ? sections.error : html_page_markdown(&b, write_markdown, &(struct run){m, a});
    if (r == 0)
        r = add_report(&b, m, a);
    if (r == 0)
        r = add_data(&b, m);
    return r < 0 ? r : html_page_end(&b, out);
}
