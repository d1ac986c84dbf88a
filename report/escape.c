/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/escape.h"

#include "report/buffer.h"

struct code_range {
    uint32_t first;
    uint32_t last;
};

/* Code points that reorder, hide or break the text around them. */
static const struct code_range unsafe_ranges[] = {
    {0x0000, 0x001f},    /* C0 controls, newline and tab included: a name stays on its line */
    {0x007f, 0x009f},    /* DEL and C1 controls: 0x9b is CSI on some terminals */
    {0x00ad, 0x00ad},    /* soft hyphen */
    {0x061c, 0x061c},    /* Arabic letter mark */
    {0x180e, 0x180e},    /* Mongolian vowel separator */
    {0x200b, 0x200f},    /* zero width characters, left-to-right and right-to-left marks */
    {0x2028, 0x202e},    /* line and paragraph separator, bidi embeddings and overrides */
    {0x2060, 0x206f},    /* invisible operators, bidi isolates */
    {0xe000, 0xf8ff},    /* private use: shows what the font likes */
    {0xfe00, 0xfe0f},    /* variation selectors */
    {0xfeff, 0xfeff},    /* byte order mark */
    {0xfff9, 0xfffb},    /* interlinear annotation */
    {0xe0000, 0x10ffff}, /* tags, private planes */
};

/* Wide in terminals; Unicode's East Asian Width W and F, as whole blocks. */
static const struct code_range wide_ranges[] = {
    {0x1100, 0x115f}, {0x2e80, 0x303e}, {0x3041, 0xa4cf}, {0xa960, 0xa97f},   {0xac00, 0xd7a3},   {0xf900, 0xfaff},
    {0xfe30, 0xfe6f}, {0xff00, 0xff60}, {0xffe0, 0xffe6}, {0x1f300, 0x1f64f}, {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd},
};

/* Combining marks take no column of their own. */
static const struct code_range combining_ranges[] = {
    {0x0300, 0x036f}, {0x0483, 0x0489}, {0x0591, 0x05bd}, {0x064b, 0x065f},
    {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff}, {0x20d0, 0x20ff}, {0xfe20, 0xfe2f},
};

static bool code_in(uint32_t code, const struct code_range *ranges, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (code >= ranges[i].first && code <= ranges[i].last)
            return true;
    return false;
}

size_t escape_decode(const char *text, size_t n, uint32_t *ret_code)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *p = (const unsigned char *)text;
    size_t length;
    uint32_t code;

    if (n == 0)
        return 0;
    if (p[0] < 0x80) {
        *ret_code = p[0];
        return 1;
    }
    if ((p[0] & 0xe0) == 0xc0)
        length = 2;
    else if ((p[0] & 0xf0) == 0xe0)
        length = 3;
    else if ((p[0] & 0xf8) == 0xf0)
        length = 4;
    else
        return 0;
    if (length > n)
        return 0;
    code = p[0] & (0xffu >> (length + 1));
    for (size_t i = 1; i < length; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (p[i] & 0x3f);
    }
    if (code < smallest[length] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
        return 0;
    *ret_code = code;
    return length;
}

static void escape_terminal_bytes(struct buffer *b, const char *raw, size_t n, bool utf8)
{
    while (n > 0) {
        uint32_t code = 0;
        size_t length = escape_decode(raw, n, &code);

        if (length == 0) {
            buffer_format(b, "\\x%02x", (unsigned char)*raw);
            length = 1;
        } else if (!code_in(code, unsafe_ranges, ARRAY_SIZE(unsafe_ranges)) && (utf8 || code < 0x80)) {
            buffer_add_bytes(b, raw, length);
        } else if (code < 0x80) {
            buffer_format(b, "\\x%02x", code);
        } else {
            /* Not \xNN: that would read as the raw byte, which is a different name. */
            buffer_format(b, "\\u{%x}", code);
        }
        raw += length;
        n -= length;
    }
}

void escape_terminal(struct buffer *b, const char *raw, bool utf8)
{
    if (raw)
        escape_terminal_bytes(b, raw, strlen(raw), utf8);
}

void escape_terminal_field(struct buffer *b, const char *raw, size_t size, bool utf8)
{
    escape_terminal_bytes(b, raw, strnlen(raw, size), utf8);
}

void escape_utf8(struct buffer *b, const char *raw, size_t n)
{
    while (n > 0) {
        uint32_t code = 0;
        size_t length = escape_decode(raw, n, &code);

        if (length == 0) {
            buffer_format(b, "\\x%02x", (unsigned char)*raw);
            length = 1;
        } else {
            buffer_add_bytes(b, raw, length);
        }
        raw += length;
        n -= length;
    }
}

/* Length in bytes and width in columns of the first code point. */
static size_t escape_step(const char *text, size_t n, size_t *ret_columns)
{
    uint32_t code = 0;
    size_t length = escape_decode(text, n, &code);

    *ret_columns = 1;
    if (length == 0)
        return 1;
    if (code_in(code, combining_ranges, ARRAY_SIZE(combining_ranges)))
        *ret_columns = 0;
    else if (code_in(code, wide_ranges, ARRAY_SIZE(wide_ranges)))
        *ret_columns = 2;
    return length;
}

size_t escape_columns(const char *text)
{
    size_t n = strlen(text);
    size_t total = 0;

    while (n > 0) {
        size_t columns = 0;
        size_t length = escape_step(text, n, &columns);

        total += columns;
        text += length;
        n -= length;
    }
    return total;
}

size_t escape_fit(const char *text, size_t columns, size_t *ret_used)
{
    size_t n = strlen(text);
    size_t used = 0;
    size_t bytes = 0;

    while (bytes < n) {
        size_t width = 0;
        size_t length = escape_step(text + bytes, n - bytes, &width);

        if (used + width > columns)
            break;
        used += width;
        bytes += length;
    }
    if (ret_used)
        *ret_used = used;
    return bytes;
}
