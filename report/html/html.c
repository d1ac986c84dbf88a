/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/html/html.h"

#include "analyzer/tree.h"
#include "base/base.h"
#include "html_assets.h" /* made from page.css and page.js by embed_page.py */
#include "report/escape.h"
#include "report/html/html_data.h"
#include "report/html/html_parts.h"
#include "report/json.h"
#include "report/markdown.h"

/* The embedded JSON report: rows of its long lists that a page holds. The file that -o report.json writes has all. */
#define MOST_THREADS 1000
#define MOST_PROCESSES 300
#define MOST_SITES 300

typedef int (*writer)(FILE *out, const struct measurement *m, const struct advice *a);

/* What `write` writes, as text. @return 0 or -errno */
static int collect(writer write, const struct measurement *m, const struct advice *a, char **ret_text, size_t *ret_n)
{
    AUTO_FREE char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    int r = out ? write(out, m, a) : -errno;

    if (out && fclose(out) != 0 && r == 0)
        r = -ENOMEM;
    if (r < 0)
        return r;
    *ret_text = TAKE_PTR(text);
    *ret_n = n;
    return 0;
}

static void begin(struct buffer *b, const struct measurement *m)
{
    buffer_add(b, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta http-equiv=\""
                  "Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-" PAGE_CSS_SHA256
                  "'; script-src 'sha256-" PAGE_JS_SHA256 "'; base-uri 'none'; form-action 'none'\">\n"
                  "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                  "<meta name=\"referrer\" content=\"no-referrer\">\n<title>concadvise: ");
    escape_html(b, m->target.n_argv > 0 ? m->target.argv[0] : "");
    buffer_add(b, "</title>\n<style>");
    buffer_add_bytes(b, page_css, sizeof(page_css) - 1);
    buffer_add(b, "</style>\n</head>\n<body>\n");
}

/* A state is told by its colour and by its pattern: page.css has the colours, the canvas takes both from here. */
static void add_patterns(struct buffer *b)
{
    static const char *const lines[] = {
        "",                                 /* on-CPU */
        "M-2 10L10 -2M-2 2L2 -2M6 10L10 6", /* run queue */
        "M0 0L8 8M8 0L0 8",                 /* interpreter lock */
        "M-2 -2L10 10M6 -2L10 2M-2 6L2 10", /* lock */
        "M2 2h1M6 6h1M2 6h1M6 2h1",         /* hand-off */
        "M0 4h8",                           /* join */
        "M4 0v8",                           /* network */
        "M0 4h8M4 0v8",                     /* disk */
        "M-2 10L10 -2",                     /* ipc */
        "M2 4h1M6 4h1",                     /* pipe */
        "M0 2h8M0 6h8",                     /* sleep */
        "",                                 /* idle */
        "M2 0v8M6 0v8",                     /* memory */
        "M-2 -2L10 10",                     /* terminal */
        "M0 0L8 8M8 0L0 8M0 4h8",           /* stopped */
        "M0 8L8 0M2 0v2M6 6v2",             /* other */
    };

    buffer_add(b, "<svg class=\"patterns\" aria-hidden=\"true\"><defs>\n");
    for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
        buffer_format(
            b,
            "<pattern id=\"p%zu\" width=\"8\" height=\"8\" patternUnits=\"userSpaceOnUse\"><rect class=\"c%zu\" "
            "width=\"8\" height=\"8\"/>",
            i, i);
        if (lines[i][0])
            buffer_format(b, "<path d=\"%s\"/>", lines[i]);
        buffer_add(b, "</pattern>\n");
    }
    buffer_add(b, "</defs></svg>\n");
}

static void add_sections(struct html *h)
{
    add_patterns(h->b);
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

/* The JSON report without what would not fit; its copy on the page says how many rows there are in all. */
static int add_report(struct buffer *b, const struct measurement *m, const struct advice *a)
{
    struct measurement shown = *m;
    AUTO_FREE char *text = NULL;
    size_t n = 0;
    int r;

    shown.n_threads = m->n_threads < MOST_THREADS ? m->n_threads : MOST_THREADS;
    shown.n_processes = m->n_processes < MOST_PROCESSES ? m->n_processes : MOST_PROCESSES;
    shown.n_sites = m->n_sites < MOST_SITES ? m->n_sites : MOST_SITES;
    r = collect(json_write, &shown, a, &text, &n);
    if (r < 0)
        return r;
    buffer_format(b, "<script type=\"application/json\" id=\"report\" data-cut=\"%s\">",
                  shown.n_threads < m->n_threads || shown.n_processes < m->n_processes || shown.n_sites < m->n_sites
                      ? "its lists of threads, processes and sites are cut to what a page holds"
                      : "");
    escape_json_script(b, text, n);
    buffer_add(b, "</script>\n");
    return 0;
}

static int add_data(struct buffer *b, const struct measurement *m)
{
    AUTO_FREE char *text = NULL;
    size_t n = 0;
    int r = html_data(m, &text, &n);

    if (r < 0)
        return r;
    buffer_add(b, "<script type=\"application/json\" id=\"data\">");
    escape_json_script(b, text, n);
    buffer_add(b, "</script>\n");
    return 0;
}

/* In a template the text is inert, and comes out as it went in. */
static int add_markdown(struct buffer *b, const struct measurement *m, const struct advice *a)
{
    AUTO_FREE char *text = NULL;
    size_t n = 0;
    int r = collect(markdown_write, m, a, &text, &n);

    if (r < 0)
        return r;
    buffer_add(b, "<template id=\"markdown\">");
    for (size_t i = 0; i < n; i++) {
        /* Its own escaping leaves nothing but these two to be careful about. */
        if (text[i] == '&' || text[i] == '<')
            buffer_add(b, text[i] == '&' ? "&amp;" : "&lt;");
        else
            buffer_add_bytes(b, &text[i], 1);
    }
    buffer_add(b, "</template>\n");
    return 0;
}

int html_write(FILE *out, const struct measurement *m, const struct advice *a, const struct tree *tree)
{
    AUTO_BUFFER b = {0};
    struct html h = {.b = &b, .m = m, .a = a, .tree = tree ? tree : tree_builtin()};
    int r;

    begin(&b, m);
    add_sections(&h);
    r = add_markdown(&b, m, a);
    if (r == 0)
        r = add_report(&b, m, a);
    if (r == 0)
        r = add_data(&b, m);
    buffer_add(&b, "<script>");
    buffer_add_bytes(&b, page_js, sizeof(page_js) - 1);
    buffer_add(&b, "</script>\n</body>\n</html>\n");
    if (r == 0)
        r = b.error;
    if (r == 0 && fwrite(buffer_text(&b), 1, b.length, out) != b.length)
        r = -EIO;
    return r;
}
