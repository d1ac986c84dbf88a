/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <ctype.h>
#include <jansson.h>

#include "base/base.h"
#include "base/utf8.h"
#include "report/buffer.h"
#include "report/escape.h"

static void names_become_printable(void **state)
{
    static const struct {
        const char *raw;
        const char *utf8;
        const char *ascii;
    } cases[] = {
        {"", "", ""},
        {"plain ~name!", "plain ~name!", "plain ~name!"},
        {"\033[31mred", "\\x1b[31mred", "\\x1b[31mred"},
        {"a\nb\tc\rd", "a\\x0ab\\x09c\\x0dd", "a\\x0ab\\x09c\\x0dd"},
        {"del\x7f", "del\\x7f", "del\\x7f"},
        {"\x1f \x20", "\\x1f  ", "\\x1f  "},
        /* C1 as a raw byte, and as UTF-8 */
        {"\x9b"
         "0m",
         "\\x9b0m", "\\x9b0m"},
        {"\xc2\x9b"
         "0m",
         "\\u{9b}0m", "\\u{9b}0m"},
        {"\xc2\xa0", "\xc2\xa0", "\\u{a0}"},
        /* each bidi range on both sides */
        {"\xe2\x80\xa9", "\\u{2029}", "\\u{2029}"},
        {"\xe2\x80\xaa\xe2\x80\xae", "\\u{202a}\\u{202e}", "\\u{202a}\\u{202e}"},
        {"\xe2\x80\xaf", "\xe2\x80\xaf", "\\u{202f}"},
        {"\xe2\x81\xa6\xe2\x81\xa9", "\\u{2066}\\u{2069}", "\\u{2066}\\u{2069}"},
        {"\xe2\x81\xb0", "\xe2\x81\xb0", "\\u{2070}"},
        {"\xe2\x80\x8e\xe2\x80\x8f", "\\u{200e}\\u{200f}", "\\u{200e}\\u{200f}"},
        {"\xe2\x80\x90", "\xe2\x80\x90", "\\u{2010}"},
        {"\xef\xbb\xbf", "\\u{feff}", "\\u{feff}"},
        {"\xf3\xa0\x81\x81", "\\u{e0041}", "\\u{e0041}"},
        /* fine where the terminal knows UTF-8 */
        {"caf\xc3\xa9 \xe4\xb8\xad \xf0\x9f\x98\x80", "caf\xc3\xa9 \xe4\xb8\xad \xf0\x9f\x98\x80",
         "caf\\u{e9} \\u{4e2d} \\u{1f600}"},
        {"\xe2\xa0\x80\xe3\x85\xa4", "\\u{2800}\\u{3164}", "\\u{2800}\\u{3164}"}, /* blank, but no spaces */
        /* a pile of marks, and one that would land on what stands before */
        {"\xcc\x81"
         "a",
         "\\u{301}a", "\\u{301}a"},
        {"a\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xcc\x81", "a\xcc\x81\xcc\x81\xcc\x81\xcc\x81\\u{301}",
         "a\\u{301}\\u{301}\\u{301}\\u{301}\\u{301}"},
        /* what would read as an escape, and what would not */
        {"\\x1b", "\\x5cx1b", "\\x5cx1b"},
        {"\\u{202e}", "\\x5cu{202e}", "\\x5cu{202e}"},
        {"C:\\new\\xylo\\u2", "C:\\new\\xylo\\u2", "C:\\new\\xylo\\u2"},
        {"\\", "\\", "\\"},
        {"\\\x1b", "\\\\x1b", "\\\\x1b"},
        /* not UTF-8: stray, truncated, overlong, surrogate, too large */
        {"\xff\xfe", "\\xff\\xfe", "\\xff\\xfe"},
        {"\xc3", "\\xc3", "\\xc3"},
        {"\xe4\xb8", "\\xe4\\xb8", "\\xe4\\xb8"},
        {"\xc0\x80", "\\xc0\\x80", "\\xc0\\x80"},
        {"\xe0\x9f\xbf", "\\xe0\\x9f\\xbf", "\\xe0\\x9f\\xbf"},
        {"\xed\xa0\x80", "\\xed\\xa0\\x80", "\\xed\\xa0\\x80"},
        {"\xed\x9f\xbf", "\xed\x9f\xbf", "\\u{d7ff}"},
        {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80", "\\xf4\\x90\\x80\\x80"},
        {"\xf8\x88\x80\x80\x80", "\\xf8\\x88\\x80\\x80\\x80", "\\xf8\\x88\\x80\\x80\\x80"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        AUTO_BUFFER utf8 = {0}, ascii = {0};

        escape_terminal(&utf8, cases[i].raw, true);
        escape_terminal(&ascii, cases[i].raw, false);
        assert_string_equal(buffer_text(&utf8), cases[i].utf8);
        assert_string_equal(buffer_text(&ascii), cases[i].ascii);
    }
}

static void null_is_nothing_and_fields_need_no_terminator(void **state)
{
    static const char full[4] = {'a', 'b', 'c', 'd'};
    AUTO_BUFFER b = {0};

    (void)state;
    escape_terminal(&b, NULL, true);
    assert_string_equal(buffer_text(&b), "");
    escape_terminal_field(&b, full, sizeof(full), true);
    assert_string_equal(buffer_text(&b), "abcd");
}

static void json_strings_are_valid_utf8_and_lead_back(void **state)
{
    static const struct {
        const char *raw;
        const char *text;
    } cases[] = {
        {"\033\xe4\xb8\xad\xff\xe2\x80\xae", "\033\xe4\xb8\xad\\xff\xe2\x80\xae"},
        {"\xe4\xb8", "\\xe4\\xb8"},
        {"\xed\xa0\x80", "\\xed\\xa0\\x80"},
        {"\\xff", "\\x5cxff"},
        {"\\x00\\", "\\x5cx00\\"},
        {"\\x", "\\x"},
        {"C:\\new", "C:\\new"},
        {"\\\xff\\xfg", "\\\\xff\\xfg"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        AUTO_BUFFER b = {0};
        AUTO_FREE char *back = NULL;

        escape_utf8(&b, cases[i].raw, strlen(cases[i].raw));
        assert_string_equal(buffer_text(&b), cases[i].text);
        back = strdup(buffer_text(&b));
        escape_utf8_undo(back);
        assert_string_equal(back, cases[i].raw);
    }
}

/* All names of three bytes from those that matter to some form. */
static void for_all_short_names(void (*check)(const char *raw))
{
    static const char bytes[] =
        "\001\t\n\r\033\"#&'()*-./:;<=>@[\\]_`a{|}~ x19u\x7f\x80\x9b\xa6\xad\xae\xbf\xc2\xcc\xd8\xe2\xed\xf4\xff";

    for (size_t i = 0; i < sizeof(bytes) - 1; i++)
        for (size_t k = 0; k < sizeof(bytes) - 1; k++)
            for (size_t l = 0; l < sizeof(bytes) - 1; l++)
                check((const char[]){bytes[i], bytes[k], bytes[l], '\0'});
}

/* And every code point, alone and after a letter. */
static void for_all_code_points(void (*check)(const char *raw))
{
    for (uint32_t code = 1; code <= 0x10ffff; code++) {
        char raw[8] = "a";
        size_t n = 1;

        if (code >= 0x10000)
            raw[n++] = (char)(0xf0 | code >> 18);
        if (code >= 0x800)
            raw[n++] = (char)((code >= 0x10000 ? 0x80 : 0xe0) | (code >> 12 & (code >= 0x10000 ? 0x3f : 0x0f)));
        if (code >= 0x80)
            raw[n++] = (char)((code >= 0x800 ? 0x80 : 0xc0) | (code >> 6 & (code >= 0x800 ? 0x3f : 0x1f)));
        raw[n] = (char)(code >= 0x80 ? 0x80 | (code & 0x3f) : code);
        check(raw);
        if (code % 7 == 0)
            check(raw + 1);
    }
}

/* Valid UTF-8, on one line, and nothing in it acts. */
static void assert_shown(const char *text)
{
    size_t n = strlen(text);
    uint32_t code = 0;

    for (size_t length; n > 0; text += length, n -= length) {
        length = utf8_decode(text, n, &code);
        assert_int_not_equal(length, 0);
        assert_false(utf8_unsafe(code));
    }
}

/* The reader's side: what an escaped name stood for. */
static void unescape(const char *text, char *raw)
{
    while (*text) {
        if (text[0] == '\\' && text[1] == 'x' && isxdigit((unsigned char)text[2]) && isxdigit((unsigned char)text[3])) {
            *raw++ = (char)strtoul((const char[]){text[2], text[3], '\0'}, NULL, 16);
            text += 4;
        } else if (text[0] == '\\' && text[1] == 'u' && text[2] == '{') {
            char *end;
            uint32_t code = (uint32_t)strtoul(text + 3, &end, 16);

            if (code >= 0x10000)
                *raw++ = (char)(0xf0 | code >> 18);
            if (code >= 0x800)
                *raw++ = (char)((code >= 0x10000 ? 0x80 : 0xe0) | (code >> 12 & (code >= 0x10000 ? 0x3f : 0x0f)));
            *raw++ = (char)((code >= 0x800 ? 0x80 : 0xc0) | (code >> 6 & (code >= 0x800 ? 0x3f : 0x1f)));
            *raw++ = (char)(0x80 | (code & 0x3f));
            text = end + 1;
        } else {
            *raw++ = *text++;
        }
    }
    *raw = '\0';
}

static void check_terminal(const char *raw)
{
    AUTO_BUFFER utf8 = {0}, ascii = {0};
    char back[64];

    escape_terminal(&utf8, raw, true);
    assert_shown(buffer_text(&utf8));
    unescape(buffer_text(&utf8), back);
    assert_string_equal(back, raw);
    escape_terminal(&ascii, raw, false);
    for (const char *c = buffer_text(&ascii); *c; c++)
        assert_in_range(*c, ' ', '~');
    unescape(buffer_text(&ascii), back);
    assert_string_equal(back, raw);
}

/* A document with the name in it stays the document it was. */
static void check_json(const char *raw)
{
    AUTO_BUFFER text = {0}, safe = {0}, script = {0};
    AUTO_FREE char *document = NULL, *back = NULL;
    json_t *json, *read;

    escape_utf8(&text, raw, strlen(raw));
    json = json_pack("[s]", buffer_text(&text));
    assert_non_null(json);
    document = json_dumps(json, JSON_INDENT(2));
    escape_json(&safe, document, strlen(document));
    escape_json_script(&script, document, strlen(document));
    assert_null(strpbrk(buffer_text(&script), "<>&"));
    for (size_t i = 0; i < 2; i++) {
        const char *out = buffer_text(i == 0 ? &safe : &script);
        AUTO_BUFFER flat = {0};

        for (const char *c = out; *c; c++)
            buffer_add_bytes(&flat, *c == '\n' ? " " : c, 1);
        assert_shown(buffer_text(&flat));
        read = json_loads(out, 0, NULL);
        assert_non_null(read);
        assert_true(json_equal(json, read));
        json_decref(read);
    }
    back = strdup(json_string_value(json_array_get(json, 0)));
    escape_utf8_undo(back);
    assert_string_equal(back, raw);
    json_decref(json);
}

static void check_html(const char *raw)
{
    AUTO_BUFFER html = {0};

    escape_html(&html, raw);
    assert_shown(buffer_text(&html));
    assert_null(strpbrk(buffer_text(&html), "<>\"'"));
    for (const char *c = buffer_text(&html); (c = strchr(c, '&')); c++)
        assert_true(strncmp(c, "&amp;", 5) == 0 || strncmp(c, "&lt;", 4) == 0 || strncmp(c, "&gt;", 4) == 0 ||
                    strncmp(c, "&quot;", 6) == 0 || strncmp(c, "&#39;", 5) == 0);
}

/* Every mark that Markdown knows has a backslash before it, which is not itself escaped. */
/* What stands without a backslash before it means nothing to a reader of GitHub's Markdown. */
static void check_plain(const char *text, const char *c)
{
    bool first = c == text;

    assert_null(strchr("`*{}[]#|~@$^<", *c));
    assert_false(first && strchr("-+=>", *c));
    if (*c == '_')
        assert_true(c > text && isalnum((unsigned char)c[-1]) && isalnum((unsigned char)c[1]));
    if (*c == '.' && c - text >= 3)
        assert_false(strncasecmp(c - 3, "www", 3) == 0);
    if (*c == ':')
        assert_int_not_equal(c[1], '/');
    if (*c == ')' || *c == '.')
        assert_true(strspn(text, "0123456789") < (size_t)(c - text) || (c[1] && c[1] != ' '));
}

static void check_markdown(const char *raw)
{
    AUTO_BUFFER markdown = {0};
    const char *text;

    escape_markdown(&markdown, raw);
    text = buffer_text(&markdown);
    assert_shown(text);
    for (const char *c = text; *c; c++) {
        if (*c == '&')
            c = strchr(c, ';'); /* one of ours: a raw & is one */
        else if (*c == '\\')
            c++;
        else
            check_plain(text, c);
    }
}

/* What a reader of CommonMark 6.1 (and in a table of GFM, after its cells were split) takes the code for. */
static void check_code(const char *raw)
{
    for (int in_table = 0; in_table < 2; in_table++) {
        AUTO_BUFFER code = {0}, shown = {0}, inside = {0};
        const char *text, *c;
        size_t fence, n;

        escape_markdown_code(&code, raw, in_table);
        escape_terminal(&shown, raw, true);
        text = buffer_text(&code);
        assert_shown(text);
        fence = strspn(text, "`");
        n = strlen(text);
        assert_true(fence > 0 && n > 2 * fence);
        assert_memory_equal(text, text + n - fence, fence);
        for (c = text + fence; c < text + n - fence; c++) {
            assert_false(c[0] == '`' && strspn(c, "`") == fence && c + fence < text + n && c[-1] != '`');
            if (in_table && *c == '|')
                assert_true(c[-1] == '\\' && c[-2] != '\\');
            if (!(in_table && c[0] == '\\' && c[1] == '|'))
                buffer_add_bytes(&inside, c, 1);
        }
        text = buffer_text(&inside);
        n = strlen(text);
        if (text[0] == ' ' && text[n - 1] == ' ' && strspn(text, " ") < n) {
            text++;
            n -= 2;
        }
        if (!strstr(raw, "\\|") && strspn(raw, " ") < strlen(raw)) {
            assert_int_equal(n, strlen(buffer_text(&shown)));
            assert_memory_equal(text, buffer_text(&shown), n);
        }
    }
}

static void every_form_is_safe_whatever_the_name(void **state)
{
    static void (*const checks[])(const char *raw) = {check_terminal, check_json, check_html, check_markdown,
                                                      check_code};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(checks); i++)
        for_all_short_names(checks[i]);
    for_all_code_points(check_terminal);
}

static void json_keeps_its_document(void **state)
{
    (void)state;
    check_json("</script><!-- -->\xe2\x80\xa8\xe2\x80\xa9&amp;\x7f\xc2\x9b\xf3\xa0\x81\x81\xff\\xff\\u{1}\"\\");
}

static void forms_read_as_expected(void **state)
{
    AUTO_BUFFER b = {0};

    (void)state;
    escape_html(&b, "<b a=\"x\" b='y'>&\n\x1b");
    assert_string_equal(buffer_text(&b), "&lt;b a=&quot;x&quot; b=&#39;y&#39;&gt;&amp;\\x0a\\x1b");
    buffer_reset(&b);
    escape_json_script(&b, "[\"</script>\xe2\x80\xa8\xf3\xa0\x81\x81\"]",
                       strlen("[\"</script>\xe2\x80\xa8\xf3\xa0\x81\x81\"]"));
    assert_string_equal(buffer_text(&b), "[\"\\u003c/script\\u003e\\u2028\\udb40\\udc41\"]");
    buffer_reset(&b);
    escape_markdown(&b, "a|b *c* [d](e) <f>");
    assert_string_equal(buffer_text(&b), "a\\|b \\*c\\* \\[d\\](e) &lt;f>");
    buffer_reset(&b);
    escape_markdown(&b, "gil_threads.py _x_ __y__ -> z");
    assert_string_equal(buffer_text(&b), "gil_threads.py \\_x\\_ \\_\\_y\\_\\_ -> z");
    buffer_reset(&b);
    escape_markdown(&b, " > - x");
    assert_string_equal(buffer_text(&b), " &gt; - x");
    buffer_reset(&b);
    escape_markdown(&b, "  - x");
    assert_string_equal(buffer_text(&b), "  \\- x");
    buffer_reset(&b);
    escape_markdown(&b, "12.4 s at crawl.py:88 (2x): www.x.org http://x :tada: a@b");
    assert_string_equal(buffer_text(&b), "12.4 s at crawl.py:88 (2x): www\\.x.org http\\://x \\:tada: a\\@b");
    buffer_reset(&b);
    escape_markdown(&b, "1) - 2. x");
    assert_string_equal(buffer_text(&b), "1\\) - 2. x");
    buffer_reset(&b);
    escape_markdown(&b, "- x");
    assert_string_equal(buffer_text(&b), "\\- x");
    buffer_reset(&b);
    escape_markdown_code(&b, "a|b", false);
    escape_markdown_code(&b, "a|b", true);
    escape_markdown_code(&b, "`", false);
    escape_markdown_code(&b, "a``b\\|", true);
    escape_markdown_code(&b, "", true);
    escape_markdown_code(&b, NULL, false);
    escape_html(&b, NULL);
    assert_string_equal(buffer_text(&b), "`a|b``a\\|b``` ` `````a``b\\\\x7c```");
}

static void columns_count_wide_and_combining_characters(void **state)
{
    size_t used = 9;

    (void)state;
    assert_int_equal(escape_columns(""), 0);
    assert_int_equal(escape_columns("abc"), 3);
    assert_int_equal(escape_columns("\xe4\xb8\xad"
                                    "x"),
                     3);
    assert_int_equal(escape_columns("e\xcc\x81"), 1);

    assert_int_equal(escape_fit("abc", 3, &used), 3);
    assert_int_equal(used, 3);
    assert_int_equal(escape_fit("abc", 2, &used), 2);
    assert_int_equal(escape_fit("abc", 0, NULL), 0);
    /* a wide character does not fit into the one column left */
    assert_int_equal(escape_fit("a\xe4\xb8\xad", 2, &used), 1);
    assert_int_equal(used, 1);
    assert_int_equal(escape_fit("a\xe4\xb8\xad", 3, &used), 4);
    assert_int_equal(used, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_become_printable),
        cmocka_unit_test(null_is_nothing_and_fields_need_no_terminator),
        cmocka_unit_test(json_strings_are_valid_utf8_and_lead_back),
        cmocka_unit_test(every_form_is_safe_whatever_the_name),
        cmocka_unit_test(json_keeps_its_document),
        cmocka_unit_test(forms_read_as_expected),
        cmocka_unit_test(columns_count_wide_and_combining_characters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
