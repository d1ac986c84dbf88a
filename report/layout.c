/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/layout.h"

#include <ctype.h>

#include "report/escape.h"

void layout_init(struct layout *l, FILE *out, unsigned width, bool color, bool utf8)
{
    if (width == 0)
        width = 80;
    if (width < LAYOUT_WIDTH_MIN)
        width = LAYOUT_WIDTH_MIN;
    if (width > LAYOUT_WIDTH_MAX)
        width = LAYOUT_WIDTH_MAX;
    *l = (struct layout){.out = out, .width = width, .color = color, .utf8 = utf8};
}

static const char *style_on(const struct layout *l, enum layout_style style)
{
    static const char *const codes[] = {
        [LAYOUT_PLAIN] = "",        [LAYOUT_BOLD] = "\033[1m", [LAYOUT_GOOD] = "\033[1;32m",
        [LAYOUT_WARN] = "\033[33m", [LAYOUT_BAD] = "\033[31m", [LAYOUT_DIM] = "\033[2m",
    };

    return l->color ? codes[style] : "";
}

static void put_bytes(const struct layout *l, enum layout_style style, const char *text, size_t n)
{
    const char *on = n > 0 ? style_on(l, style) : "";

    (void)fprintf(l->out, "%s%.*s%s", on, (int)n, text, *on ? "\033[0m" : "");
}

void layout_put(const struct layout *l, enum layout_style style, const char *text)
{
    put_bytes(l, style, text, strlen(text));
}

void layout_pad(const struct layout *l, size_t columns)
{
    (void)fprintf(l->out, "%*s", (int)columns, "");
}

void layout_end(const struct layout *l)
{
    (void)fputc('\n', l->out);
}

void layout_cell(const struct layout *l, enum layout_style style, const char *text, size_t columns)
{
    size_t width = escape_columns(text);
    size_t bytes = strlen(text);
    size_t dots = 0;

    if (width > columns) {
        dots = columns < 3 ? columns : 3;
        bytes = escape_fit(text, columns - dots, &width);
    }
    put_bytes(l, style, text, bytes);
    (void)fprintf(l->out, "%.*s", (int)dots, "...");
    if (columns > width + dots)
        layout_pad(l, columns - width - dots);
}

/* A number and its unit ("81 %", "12.4 s") stay together. */
static bool glued(const char *text, size_t space)
{
    static const char *const units[] = {"%", "s", "ms", "us", "ns", "min", "h"};
    const char *unit = text + space + 1;
    size_t n = strcspn(unit, " ,;:.)");

    if (space == 0 || !isdigit((unsigned char)text[space - 1]))
        return false;
    for (size_t i = 0; i < ARRAY_SIZE(units); i++)
        if (n == strlen(units[i]) && strncmp(unit, units[i], n) == 0)
            return true;
    return false;
}

/* Bytes of `text` for a line of `columns`: up to the last space that fits, or as much of a long word as fits. */
static size_t line_bytes(const char *text, size_t columns)
{
    size_t fit = escape_fit(text, columns, NULL);
    size_t end = fit;

    if (text[fit] == '\0')
        return fit;
    while (end > 0 && (text[end] != ' ' || glued(text, end)))
        end--;
    if (end > 0)
        return end;
    return fit > 0 ? fit : escape_fit(text, 2, NULL);
}

/* Wrapped lines; the first begins where the cursor is, which is column `indent`. */
static void lines(const struct layout *l, size_t indent, size_t hang, enum layout_style style, const char *text)
{
    for (;;) {
        size_t n = line_bytes(text, l->width > indent ? l->width - indent : 1);
        size_t shown = n;

        while (shown > 0 && text[shown - 1] == ' ')
            shown--;
        put_bytes(l, style, text, shown);
        layout_end(l);
        text += n;
        text += strspn(text, " ");
        if (*text == '\0')
            return;
        indent += hang;
        hang = 0;
        style = LAYOUT_PLAIN;
        layout_pad(l, indent);
    }
}

static void put_label(const struct layout *l, const char *label, size_t indent)
{
    size_t columns = escape_columns(label);

    layout_put(l, LAYOUT_BOLD, label);
    layout_pad(l, indent > columns ? indent - columns : 0);
}

void layout_paragraph(const struct layout *l, const char *label, size_t indent, size_t hang, const char *text)
{
    put_label(l, label, indent);
    lines(l, indent, hang, LAYOUT_PLAIN, text);
}

void layout_continue(const struct layout *l, size_t indent, const char *text)
{
    lines(l, indent, 0, LAYOUT_PLAIN, text);
}

void layout_paragraph_styled(const struct layout *l, const char *label, size_t indent, enum layout_style style,
                             const char *text)
{
    put_label(l, label, indent);
    lines(l, indent, 0, style, text);
}

/* How much deeper the rest of a line of code stands that was too wide. */
#define CODE_HANG 8

static void code_line(const struct layout *l, size_t indent, const char *line, size_t n)
{
    size_t own = strspn(line, " ");
    AUTO_FREE char *text = strndup(line + own, n > own ? n - own : 0);

    if (text && *text)
        layout_pad(l, indent + own);
    lines(l, indent + own, CODE_HANG, LAYOUT_PLAIN, text ? text : "");
}

void layout_code(const struct layout *l, size_t indent, const char *code)
{
    while (*code) {
        size_t n = strcspn(code, "\n");

        code_line(l, indent, code, n);
        code += n + (code[n] == '\n');
    }
}

void layout_fields(const struct layout *l, const char *const *parts, size_t n)
{
    size_t used = 0;

    for (size_t i = 0; i < n; i++) {
        size_t columns = escape_columns(parts[i]);

        if (used > 0 && used + 3 + columns > l->width) {
            layout_end(l);
            used = 0;
        }
        if (used > 0) {
            layout_put(l, LAYOUT_DIM, " | ");
            used += 3;
        }
        if (columns > l->width)
            columns = l->width;
        layout_cell(l, LAYOUT_PLAIN, parts[i], columns);
        used += columns;
    }
    layout_end(l);
}
