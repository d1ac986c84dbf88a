/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/report.h"

#include "analyzer/advice.h"
#include "report/buffer.h"
#include "report/diff_markdown.h"
#include "report/diff_text.h"
#include "report/diff_wording.h"
#include "report/escape.h"
#include "report/format.h"
#include "report/html/html.h"
#include "report/json.h"
#include "report/json_diff.h"
#include "report/json_read.h"
#include "report/layout.h"
#include "report/markdown.h"
#include "report/text.h"
#include "report/verdict.h"

static const struct {
    const char *name;
    const char *suffix;
    enum report_format format;
} formats[] = {
    {"text", ".txt", REPORT_TEXT},
    {"json", ".json", REPORT_JSON},
    {"html", ".html", REPORT_HTML},
    {"markdown", ".md", REPORT_MARKDOWN},
};

int report_write(FILE *out, const struct measurement *m, const struct advice *a, const struct report_options *options)
{
    int r = -ENOTSUP;

    if (options->format == REPORT_TEXT) {
        struct text t = {.m = m, .a = a, .verbose = options->verbose};

        layout_init(&t.layout, out, options->width, options->color, options->utf8);
        r = text_write(&t);
    } else if (options->format == REPORT_JSON) {
        r = json_write(out, m, a);
    } else if (options->format == REPORT_MARKDOWN) {
        r = markdown_write(out, m, a);
    } else if (options->format == REPORT_HTML) {
        r = html_write(out, m, a, options->tree);
    }
    if (r == 0 && ferror(out))
        r = -EIO;
    return r;
}

int report_write_diff(FILE *out, const struct report_diff *diff, const struct report_options *options)
{
    int r = -ENOTSUP;

    if (options->format == REPORT_TEXT) {
        struct layout layout;

        layout_init(&layout, out, options->width, options->color, options->utf8);
        r = diff_text_write(&layout, diff, options->verbose);
    } else if (options->format == REPORT_JSON) {
        r = json_diff_write(out, diff);
    } else if (options->format == REPORT_MARKDOWN) {
        r = diff_markdown_write(out, diff);
    } else if (options->format == REPORT_HTML) {
        r = html_diff_write(out, diff);
    }
    if (r == 0 && ferror(out))
        r = -EIO;
    return r;
}

int report_diff_summary(FILE *out, const struct report_diff *diff)
{
    AUTO_BUFFER b = {0};

    diff_wording_verdict(&b, &diff->comparison->wall);
    (void)fprintf(out, "%s\n", buffer_text(&b));
    if (b.error)
        return b.error;
    return ferror(out) ? -EIO : 0;
}

int report_read(const char *path, struct measurement **ret_m, struct advice **ret_a, char *message, size_t size)
{
    return json_read(path, ret_m, ret_a, message, size);
}

int report_summary(FILE *out, const struct advice *a)
{
    AUTO_BUFFER b = {0}, expectation = {0};

    verdict_headline(&b, &a->recommendation);
    verdict_expectation(&expectation, &a->recommendation);
    buffer_format(&b, "%s%s", expectation.length > 0 ? ". " : "", buffer_text(&expectation));
    (void)fprintf(out, "%s\n", buffer_text(&b));
    if (b.error || expectation.error)
        return -ENOMEM;
    return ferror(out) ? -EIO : 0;
}

void report_escaped(FILE *out, const char *text, bool utf8)
{
    AUTO_BUFFER b = {0};

    escape_terminal(&b, text, utf8);
    (void)fputs(buffer_text(&b), out);
}

void report_duration(uint64_t ns, char *ret_text, size_t size)
{
    (void)snprintf(ret_text, size, "%s", format_duration(ns).text);
}

const char *report_format_to_str(enum report_format format)
{
    for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
        if (formats[i].format == format)
            return formats[i].name;
    return NULL;
}

int report_format_from_str(const char *text, enum report_format *ret_format)
{
    for (size_t i = 0; text && i < ARRAY_SIZE(formats); i++) {
        if (strcmp(text, formats[i].name) == 0) {
            *ret_format = formats[i].format;
            return 0;
        }
    }
    return -EINVAL;
}

int report_format_from_path(const char *path, enum report_format *ret_format)
{
    const char *slash = path ? strrchr(path, '/') : NULL;
    const char *dot = path ? strrchr(slash ? slash + 1 : path, '.') : NULL;

    for (size_t i = 0; dot && i < ARRAY_SIZE(formats); i++) {
        if (strcmp(dot, formats[i].suffix) == 0) {
            *ret_format = formats[i].format;
            return 0;
        }
    }
    return -EINVAL;
}
