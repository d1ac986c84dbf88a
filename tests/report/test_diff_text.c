/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whole comparisons, as text, JSON and Markdown, against golden files: test_diff_text DIRECTORY [--update].
 * --update rewrites them; read the difference before you commit it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "analyzer/compare/compare.h"
#include "base/base.h"
#include "base/utf8.h"
#include "fixture_diff.h"
#include "report/escape.h"
#include "report/report.h"

static const char *golden_directory;
static bool update;

static char *render(const struct fixture_diff *s, const struct report_options *options)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    assert_non_null(out);
    assert_int_equal(report_write_diff(out, &s->diff, options), 0);
    assert_int_equal(fclose(out), 0);
    return text;
}

static char *read_file(const char *path)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size), *in = fopen(path, "r");
    int c;

    assert_non_null(out);
    while (in && (c = fgetc(in)) != EOF)
        (void)fputc(c, out);
    if (in)
        (void)fclose(in);
    (void)fclose(out);
    return text;
}

static void check_golden(const char *name, void (*make)(struct fixture_diff *), struct report_options options)
{
    CLEANUP(fixture_diff_clear) struct fixture_diff s = {0};
    AUTO_FREE char *text = NULL, *expected = NULL;
    char path[1024];

    make(&s);
    text = render(&s, &options);
    (void)snprintf(path, sizeof(path), "%s/%s", golden_directory, name);
    if (update) {
        AUTO_FCLOSE FILE *out = fopen(path, "w");

        assert_non_null(out);
        (void)fputs(text, out);
    }
    expected = read_file(path);
    assert_string_equal(text, expected);
}

static void comparisons_match_golden_files(void **state)
{
    (void)state;
    check_golden("faster.txt", fixture_diff_faster, (struct report_options){.format = REPORT_TEXT});
    check_golden("faster-verbose-120.txt", fixture_diff_faster,
                 (struct report_options){.format = REPORT_TEXT, .width = 120, .color = true, .verbose = true});
    check_golden("faster.json", fixture_diff_faster, (struct report_options){.format = REPORT_JSON});
    check_golden("hostile.txt", fixture_diff_hostile, (struct report_options){.format = REPORT_TEXT, .utf8 = true});
    check_golden("hostile.json", fixture_diff_hostile, (struct report_options){.format = REPORT_JSON});
    check_golden("tie.txt", fixture_diff_tie, (struct report_options){.format = REPORT_TEXT});
    check_golden("tie.json", fixture_diff_tie, (struct report_options){.format = REPORT_JSON});
    check_golden("attached.txt", fixture_diff_attached, (struct report_options){.format = REPORT_TEXT});
    check_golden("attached.json", fixture_diff_attached, (struct report_options){.format = REPORT_JSON});
    check_golden("attached.md", fixture_diff_attached, (struct report_options){.format = REPORT_MARKDOWN});
    check_golden("faster.md", fixture_diff_faster, (struct report_options){.format = REPORT_MARKDOWN});
    check_golden("hostile.md", fixture_diff_hostile, (struct report_options){.format = REPORT_MARKDOWN});
    check_golden("tie.md", fixture_diff_tie, (struct report_options){.format = REPORT_MARKDOWN});
}

/* No line is wider than asked, and nothing a target named reaches a terminal as more than printable characters. */
static void lines_keep_their_width_and_names_their_place(void **state)
{
    static void (*const stories[])(struct fixture_diff *) = {fixture_diff_faster, fixture_diff_hostile,
                                                             fixture_diff_tie, fixture_diff_attached};
    static const unsigned widths[] = {40, 59, 60, 80, 200};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(stories) * ARRAY_SIZE(widths) * 2; i++) {
        unsigned width = widths[i / 2 % ARRAY_SIZE(widths)];
        CLEANUP(fixture_diff_clear) struct fixture_diff s = {0};
        AUTO_FREE char *text = NULL;
        size_t n;

        stories[i / 2 / ARRAY_SIZE(widths)](&s);
        text = render(&s,
                      &(struct report_options){.format = REPORT_TEXT, .width = width, .utf8 = i & 1, .verbose = i & 1});
        n = strlen(text);
        for (char *line = text, *end; *line; line = end + 1) {
            end = strchrnul(line, '\n');
            *end = '\0';
            assert_true(escape_columns(line) <= width);
            assert_true(end == line || end[-1] != ' ');
        }
        for (size_t at = 0; at < n;) {
            uint32_t code = 0;
            size_t length = utf8_decode(text + at, n - at, &code);

            assert_true(length > 0);
            assert_true(code == 0 || (code >= 0x20 && code < 0x7f) || ((i & 1) && code >= 0xa0));
            assert_false(code == 0x202e || code == 0x2066);
            at += length;
        }
    }
}

/* Of a command of any length two lines are shown; the JSON has it all. */
static void long_commands_are_cut(void **state)
{
    const struct report_options options = {.format = REPORT_TEXT, .width = 80, .utf8 = true};
    AUTO_FREE char *text = NULL;
    struct fixture_diff s = {0};
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    (void)state;
    fixture_diff_faster(&s);
    free(s.before.m->target.argv[1]);
    s.before.m->target.argv[1] = malloc(130001);
    memset(s.before.m->target.argv[1], '\033', 130000);
    s.before.m->target.argv[1][130000] = '\0';
    assert_int_equal(report_write_diff(out, &s.diff, &options), 0);
    assert_int_equal(fclose(out), 0);
    assert_non_null(strstr(text, "\\x1b\\x1b"));
    assert_non_null(strstr(text, "... |"));
    assert_true(size < 10000);
    fixture_diff_clear(&s);
}

static void write_errors_are_reported(void **state)
{
    CLEANUP(fixture_diff_clear) struct fixture_diff s = {0};
    AUTO_FCLOSE FILE *full = fopen("/dev/full", "w");

    (void)state;
    fixture_diff_faster(&s);
    assert_non_null(full);
    (void)setvbuf(full, NULL, _IONBF, 0);
    assert_int_equal(report_write_diff(full, &s.diff, &(struct report_options){.format = REPORT_TEXT}), -EIO);
    clearerr(full);
    assert_int_equal(report_write_diff(full, &s.diff, &(struct report_options){.format = REPORT_JSON}), -EIO);
    clearerr(full);
    assert_int_equal(report_write_diff(full, &s.diff, &(struct report_options){.format = REPORT_HTML}), -EIO);
    clearerr(full);
    assert_int_equal(report_write_diff(full, &s.diff, &(struct report_options){.format = REPORT_MARKDOWN}), -EIO);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comparisons_match_golden_files),
        cmocka_unit_test(lines_keep_their_width_and_names_their_place),
        cmocka_unit_test(long_commands_are_cut),
        cmocka_unit_test(write_errors_are_reported),
    };

    if (argc < 2) {
        (void)fprintf(stderr, "usage: %s GOLDEN_DIRECTORY [--update]\n", argv[0]);
        return 2;
    }
    golden_directory = argv[1];
    update = argc > 2 && strcmp(argv[2], "--update") == 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
