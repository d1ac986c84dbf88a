/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/escape.h"

#include <ctype.h>

#include "base/utf8.h"
#include "report/buffer.h"
#include "report/escape_width.h"

/* More marks than that on one character are no writing system's, and reach into other lines. */
#define MARKS_MAX 4

/* Would the bytes after a backslash make it the start of one of our own escapes? */
static bool reads_as_escape(const char *raw, size_t n)
{
    if (n >= 3 && raw[0] == 'x' && isxdigit((unsigned char)raw[1]) && isxdigit((unsigned char)raw[2]))
        return true;
    return n >= 2 && raw[0] == 'u' && raw[1] == '{';
}

/*
 * Append an escape instead of the first code point of `raw`, if it needs one.
 * @param length  of the code point, 0: not UTF-8
 * @return bytes of `raw` that it stands for; 0: the code point may be shown
 */
static size_t put_escape(struct buffer *b, const char *raw, size_t n, size_t length, uint32_t code)
{
    if (length == 0)
        buffer_format(b, "\\x%02x", (unsigned char)*raw);
    else if (code == '\\' && reads_as_escape(raw + 1, n - 1))
        buffer_add(b, "\\x5c");
    else if (utf8_unsafe(code))
        /* Not \xNN from U+0080 on: that would read as the raw byte, which is a different name. */
        buffer_format(b, code < 0x80 ? "\\x%02x" : "\\u{%x}", code);
    else
        return 0;
    return length ? length : 1;
}

static void escape_terminal_bytes(struct buffer *b, const char *raw, size_t n, bool utf8)
{
    unsigned marks = MARKS_MAX; /* the first character must not land on what stands before the name */

    while (n > 0) {
        uint32_t code = 0;
        size_t length = utf8_decode(raw, n, &code);
        size_t taken = put_escape(b, raw, n, length, code);

        if (taken == 0) {
            bool mark = escape_width(code) == 0;

            if ((!utf8 && code >= 0x80) || (mark && marks >= MARKS_MAX))
                buffer_format(b, "\\u{%x}", code);
            else
                buffer_add_bytes(b, raw, length);
            marks = mark ? marks + 1 : 0;
            taken = length;
        }
        raw += taken;
        n -= taken;
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
        size_t length = utf8_decode(raw, n, &code);

        if (length == 0)
            buffer_format(b, "\\x%02x", (unsigned char)*raw);
        else if (code == '\\' && reads_as_escape(raw + 1, n - 1))
            buffer_add(b, "\\x5c");
        else
            buffer_add_bytes(b, raw, length);
        length = length ? length : 1;
        raw += length;
        n -= length;
    }
}

static int hex_digit(char c)
{
    return isdigit((unsigned char)c) ? c - '0' : (c | 0x20) - 'a' + 10;
}

void escape_utf8_undo(char *text)
{
    char *out = text;

    while (*text) {
        int byte = 0;

        if (text[0] == '\\' && text[1] == 'x' && isxdigit((unsigned char)text[2]) && isxdigit((unsigned char)text[3]))
            byte = hex_digit(text[2]) << 4 | hex_digit(text[3]);
        *out++ = byte ? (char)byte : *text;
        text += byte ? 4 : 1;
    }
    *out = '\0';
}

static void put_json_escape(struct buffer *b, uint32_t code)
{
    if (code >= 0x10000)
        buffer_format(b, "\\u%04x\\u%04x", 0xd7c0 + (code >> 10), 0xdc00 + (code & 0x3ff));
    else
        buffer_format(b, "\\u%04x", code);
}

/* Outside of strings JSON has only ASCII, and of controls only white space: those stay. */
static size_t plain_json(const char *document, size_t n, const char *more)
{
    size_t length = 0;

    while (length < n && (unsigned char)document[length] < 0x7f && document[length] &&
           !(*more && strchr(more, document[length])))
        length++;
    return length;
}

static void escape_json_bytes(struct buffer *b, const char *document, size_t n, const char *more)
{
    while (n > 0) {
        size_t plain = plain_json(document, n, more), length;
        uint32_t code = 0;

        buffer_add_bytes(b, document, plain);
        document += plain;
        n -= plain;
        length = utf8_decode(document, n, &code);
        if (length == 0)
            code = 0xfffd;
        if (n > 0 && (length == 0 || code < 0x80 || utf8_unsafe(code)))
            put_json_escape(b, code);
        else
            buffer_add_bytes(b, document, length);
        length = length || n == 0 ? length : 1;
        document += length;
        n -= length;
    }
}

void escape_json(struct buffer *b, const char *document, size_t n)
{
    escape_json_bytes(b, document, n, "");
}

void escape_json_script(struct buffer *b, const char *document, size_t n)
{
    escape_json_bytes(b, document, n, "<>&");
}

/* Made safe to show first; that leaves ASCII to be quoted for the language it goes into. */
static void put_html(struct buffer *b, const char *at)
{
    switch (*at) {
    case '&':
        buffer_add(b, "&amp;");
        break;
    case '<':
        buffer_add(b, "&lt;");
        break;
    case '>':
        buffer_add(b, "&gt;");
        break;
    case '"':
        buffer_add(b, "&quot;");
        break;
    case '\'':
        buffer_add(b, "&#39;");
        break;
    default:
        buffer_add_bytes(b, at, 1);
    }
}

void escape_html(struct buffer *b, const char *raw)
{
    AUTO_BUFFER shown = {0};

    escape_terminal(&shown, raw, true);
    for (const char *at = buffer_text(&shown); *at; at++)
        put_html(b, at);
    if (shown.error && !b->error)
        b->error = shown.error;
}

/* ":tada:" is a picture. */
static bool is_emoji(const char *colon)
{
    size_t n = strspn(colon + 1, "abcdefghijklmnopqrstuvwxyz0123456789_+-");

    return n > 0 && colon[1 + n] == ':';
}

/* Only digits before it, and nothing or a space behind: "1." and "1)" begin a list. */
static bool ends_number(const char *text, const char *at)
{
    return strspn(text, "0123456789") >= (size_t)(at - text) && (!at[1] || at[1] == ' ');
}

/* Nothing but spaces before it. */
static bool begins(const char *text, const char *at)
{
    return strspn(text, " ") >= (size_t)(at - text);
}

/* "gil_threads": within a word it is no emphasis (CommonMark 6.2). */
static bool is_within_word(const char *text, const char *at)
{
    return at > text && isalnum((unsigned char)at[-1]) && isalnum((unsigned char)at[1]);
}

/*
 * Must this character of `text`, which stands in one line but may begin it, have a backslash? Links need brackets,
 * "://", "www." or "@"; lists, rules and titles begin a line; the rest is emphasis, code, tables and references.
 */
static bool is_markup(const char *text, const char *at)
{
    switch (*at) {
    case ',':
    case ';':
    case '?':
    case '%':
    case '\'':
    case '"':
    case '/':
    case '!':
    case '(':
        return false;
    case ')':
        return ends_number(text, at);
    case '-':
    case '+':
    case '=':
        return begins(text, at);
    case '_':
        return !is_within_word(text, at);
    case '.':
        return ends_number(text, at) || (at - text >= 3 && strncasecmp(at - 3, "www", 3) == 0);
    case ':':
        return at[1] == '/' || is_emoji(at);
    default:
        return ispunct((unsigned char)*at) && (unsigned char)*at < 0x80;
    }
}

/* Any ASCII punctuation may have a backslash (CommonMark 2.4), and then starts neither a link nor a list. */
void escape_markdown(struct buffer *b, const char *raw)
{
    AUTO_BUFFER shown = {0};
    const char *text;

    escape_terminal(&shown, raw, true);
    text = buffer_text(&shown);
    for (const char *at = text; *at; at++) {
        if (*at == '&' || *at == '<' || (*at == '>' && begins(text, at)))
            put_html(b, at);
        else if (*at == '>') /* closes nothing where nothing opens */
            buffer_add(b, ">");
        else if (is_markup(text, at))
            buffer_format(b, "\\%c", *at);
        else
            buffer_add_bytes(b, at, 1);
    }
    if (shown.error && !b->error)
        b->error = shown.error;
}

/* Longest run of backticks; the fence has to be longer (CommonMark 6.1). */
static size_t longest_ticks(const char *text)
{
    size_t longest = 0;

    while (*(text += strcspn(text, "`"))) {
        size_t run = strspn(text, "`");

        longest = run > longest ? run : longest;
        text += run;
    }
    return longest;
}

void escape_markdown_code(struct buffer *b, const char *raw, bool in_table)
{
    AUTO_BUFFER shown = {0};
    const char *text, *pad;
    size_t fence;

    escape_terminal(&shown, raw, true);
    text = buffer_text(&shown);
    fence = longest_ticks(text) + 1;
    /* A backtick at the end belongs to the fence without a space, and of two spaces one is taken off. */
    pad = *text == '`' || *text == ' ' || base_ends_with(text, "`") || base_ends_with(text, " ") ? " " : "";
    for (size_t i = 0; *text && i < fence; i++)
        buffer_add(b, "`");
    buffer_add(b, pad);
    for (const char *at = text; *at; at++) {
        if (*at == '|' && in_table)
            buffer_add(b, at > text && at[-1] == '\\' ? "\\x7c" : "\\|");
        else
            buffer_add_bytes(b, at, 1);
    }
    buffer_add(b, pad);
    for (size_t i = 0; *text && i < fence; i++)
        buffer_add(b, "`");
    if (shown.error && !b->error)
        b->error = shown.error;
}

/* Length in bytes and width in columns of the first code point. */
static size_t escape_step(const char *text, size_t n, size_t *ret_columns)
{
    uint32_t code = 0;
    size_t length = utf8_decode(text, n, &code);

    *ret_columns = length ? escape_width(code) : 1;
    return length ? length : 1;
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
