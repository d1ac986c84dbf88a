/* SPDX-License-Identifier: BSD-2-Clause */
/* What every page has: head, policy, style, patterns, the script, and what is embedded for it. */
#include <assert.h>

#include "base/base.h"
#include "html_assets.h" /* made from page.css and page.js by embed_page.py */
#include "report/escape.h"
#include "report/html/html_parts.h"
#include "report/html/timeline_rows.h"

/* Of HTML_MOST_BYTES: the JSON report. */
#define MOST_REPORT 1200000u

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

    static_assert(ARRAY_SIZE(lines) == TIMELINE_BLOCKED + CAUSE_COUNT, "a pattern for each state and cause");
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

void html_page_begin(struct buffer *b, const char *title)
{
    buffer_add(b, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta http-equiv=\""
                  "Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-" PAGE_CSS_SHA256
                  "'; script-src 'sha256-" PAGE_JS_SHA256 "'; base-uri 'none'; form-action 'none'\">\n"
                  "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                  "<meta name=\"referrer\" content=\"no-referrer\">\n<title>concadvise: ");
    escape_html(b, title);
    buffer_add(b, "</title>\n<style>");
    buffer_add_bytes(b, page_css, sizeof(page_css) - 1);
    buffer_add(b, "</style>\n</head>\n<body>\n");
    add_patterns(b);
}

void html_page_tools(struct buffer *b)
{
    buffer_add(b, "<p class=\"tools\" hidden><button id=\"copy\" type=\"button\">Copy as Markdown</button> "
                  "<button id=\"save\" type=\"button\">Save the JSON report</button> "
                  "<span id=\"said\" role=\"status\"></span></p>\n");
}

int html_page_collect(html_page_writer writer, const void *what, char **ret_text, size_t *ret_n)
{
    AUTO_FREE char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    int r = out ? writer(out, what) : -errno;

    if (out && fclose(out) != 0 && r == 0)
        r = -ENOMEM;
    if (r < 0)
        return r;
    *ret_text = TAKE_PTR(text);
    *ret_n = n;
    return 0;
}

/* In a template the text is inert, and comes out as it went in. */
int html_page_markdown(struct buffer *b, html_page_writer writer, const void *what)
{
    AUTO_FREE char *text = NULL;
    size_t n = 0;
    int r = html_page_collect(writer, what, &text, &n);

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

int html_page_report(struct buffer *b, html_page_writer writer, const void *what, const char *name, const char *cut)
{
    AUTO_FREE char *text = NULL;
    AUTO_BUFFER safe = {0};
    size_t n = 0;
    int r = html_page_collect(writer, what, &text, &n);

    if (r < 0)
        return r;
    escape_json_script(&safe, text, n);
    if (safe.error || safe.length > MOST_REPORT)
        return safe.error ? safe.error : HTML_TOO_LONG;
    buffer_format(b, "<script type=\"application/json\" id=\"report\" data-name=\"%s\" data-cut=\"%s\">", name, cut);
    buffer_add_bytes(b, buffer_text(&safe), safe.length);
    buffer_add(b, "</script>\n");
    return 0;
}

int html_page_end(struct buffer *b, FILE *out)
{
    buffer_add(b, "<script>");
    buffer_add_bytes(b, page_js, sizeof(page_js) - 1);
    buffer_add(b, "</script>\n</body>\n</html>\n");
    if (b->error)
        return b->error;
    return fwrite(buffer_text(b), 1, b->length, out) == b->length ? 0 : -EIO;
}

int html_page_cut_arguments(const struct target *target, struct html_arguments *ret)
{
    struct html_arguments a = {0};
    size_t left = HTML_MOST_ARGUMENTS;

    a.argv = calloc(target->n_argv + 1, sizeof(*a.argv));
    if (!a.argv)
        return -ENOMEM;
    while (a.n < target->n_argv && !a.last) {
        char *argument = target->argv[a.n];
        size_t n = strlen(argument);

        if (n >= left) {
            a.last = argument = strndup(argument, left);
            if (!argument) {
                html_arguments_clear(&a);
                return -ENOMEM;
            }
        }
        a.argv[a.n++] = argument;
        left -= n < left ? n : left;
    }
    *ret = a;
    return 0;
}

void html_arguments_clear(struct html_arguments *arguments)
{
    free(arguments->argv);
    free(arguments->last);
    *arguments = (struct html_arguments){0};
}
