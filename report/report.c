/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/report.h"

#include "report/json.h"
#include "report/text.h"

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
    }
    if (r == 0 && ferror(out))
        r = -EIO;
    return r;
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
