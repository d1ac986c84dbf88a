/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/base.h"
#include "report/layout.h"

struct page {
    struct layout layout;
    char *text;
    size_t size;
};

static void open_page(struct page *page, unsigned width, bool color)
{
    FILE *out = open_memstream(&page->text, &page->size);

    assert_non_null(out);
    layout_init(&page->layout, out, width, color, true);
}

static void expect_page(struct page *page, const char *expected)
{
    assert_int_equal(fclose(page->layout.out), 0);
    assert_string_equal(page->text, expected);
    free(page->text);
}

static void widths_are_brought_into_range(void **state)
{
    static const unsigned cases[][2] = {{0, 80}, {1, 40}, {39, 40}, {40, 40}, {41, 41}, {200, 200}, {201, 200}};
    struct layout l;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        layout_init(&l, stdout, cases[i][0], false, false);
        assert_int_equal(l.width, cases[i][1]);
    }
}

static void paragraphs_wrap_at_spaces(void **state)
{
    struct page page;

    (void)state;
    open_page(&page, 40, false);
    layout_paragraph(&page.layout, "LABEL", 10, 0, "exactly thirty columns of text and more of it");
    expect_page(&page, "LABEL     exactly thirty columns of text\n"
                       "          and more of it\n");
    open_page(&page, 40, false);
    layout_paragraph(&page.layout, "LABEL", 10, 2, "exactly thirty-1 columns of texts and more of it all");
    expect_page(&page, "LABEL     exactly thirty-1 columns of\n"
                       "            texts and more of it all\n");
    open_page(&page, 40, false);
    layout_paragraph(&page.layout, "LABEL", 10, 0, "");
    expect_page(&page, "LABEL     \n");
}

static void long_words_are_broken(void **state)
{
    struct page page;

    (void)state;
    open_page(&page, 40, false);
    layout_paragraph(&page.layout, "", 30, 0, "0123456789abcdefghijKLM");
    expect_page(&page, "                              0123456789\n"
                       "                              abcdefghij\n"
                       "                              KLM\n");
    /* never within a code point, and a wide one takes two columns */
    open_page(&page, 40, false);
    layout_paragraph(&page.layout, "", 37, 0, "\xe4\xb8\xad\xe4\xb8\xad");
    expect_page(&page, "                                     \xe4\xb8\xad\n"
                       "                                     \xe4\xb8\xad\n");
}

static void cells_are_cut_and_padded(void **state)
{
    struct page page;

    (void)state;
    open_page(&page, 40, false);
    layout_cell(&page.layout, LAYOUT_PLAIN, "abc", 5);
    layout_put(&page.layout, LAYOUT_PLAIN, "|");
    layout_cell(&page.layout, LAYOUT_PLAIN, "abcde", 5);
    layout_put(&page.layout, LAYOUT_PLAIN, "|");
    layout_cell(&page.layout, LAYOUT_PLAIN, "abcdef", 5);
    layout_put(&page.layout, LAYOUT_PLAIN, "|");
    layout_cell(&page.layout, LAYOUT_PLAIN, "\xe4\xb8\xad\xe4\xb8\xad\xe4\xb8\xad", 4);
    layout_put(&page.layout, LAYOUT_PLAIN, "|");
    layout_end(&page.layout);
    expect_page(&page, "abc  |abcde|ab...|... |\n");
}

static void fields_move_to_a_new_line_as_a_whole(void **state)
{
    struct page page;

    (void)state;
    open_page(&page, 40, false);
    layout_fields(&page.layout, (const char *const[]){"eighteen columns..", "nineteen columns..."}, 2);
    expect_page(&page, "eighteen columns.. | nineteen columns...\n");
    open_page(&page, 40, false);
    layout_fields(&page.layout, (const char *const[]){"eighteen columns..", "twenty columns......", "x"}, 3);
    expect_page(&page, "eighteen columns..\ntwenty columns...... | x\n");
    open_page(&page, 40, false);
    layout_fields(&page.layout, (const char *const[]){"a", "0123456789012345678901234567890123456789X"}, 2);
    expect_page(&page, "a\n0123456789012345678901234567890123456...\n");
}

static void code_keeps_its_spaces(void **state)
{
    struct page page;

    (void)state;
    open_page(&page, 40, false);
    layout_code(&page.layout, 4, "def f(x):\n    return x  # exactly as it is\n\nf(1)");
    layout_code(&page.layout, 4, "");
    expect_page(&page, "    def f(x):\n        return x  # exactly as it is\n\n    f(1)\n");
    open_page(&page, 40, false);
    layout_code(&page.layout, 4, "if x:\n    results = [function(item) for item in items]\ny");
    expect_page(&page, "    if x:\n"
                       "        results = [function(item) for\n"
                       "                item in items]\n"
                       "    y\n");
}

static void colours_only_when_asked(void **state)
{
    struct page page;

    (void)state;
    open_page(&page, 40, true);
    layout_put(&page.layout, LAYOUT_BAD, "x");
    layout_put(&page.layout, LAYOUT_PLAIN, "y");
    layout_put(&page.layout, LAYOUT_BAD, "");
    expect_page(&page, "\033[31mx\033[0my");
    open_page(&page, 40, false);
    layout_put(&page.layout, LAYOUT_BAD, "x");
    expect_page(&page, "x");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(widths_are_brought_into_range),
        cmocka_unit_test(paragraphs_wrap_at_spaces),
        cmocka_unit_test(long_words_are_broken),
        cmocka_unit_test(cells_are_cut_and_padded),
        cmocka_unit_test(fields_move_to_a_new_line_as_a_whole),
        cmocka_unit_test(code_keeps_its_spaces),
        cmocka_unit_test(colours_only_when_asked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
