/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whole comparisons, as text and as JSON, against golden files: test_diff_text DIRECTORY [--update].
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
#include "fixture.h"
#include "report/escape.h"
#include "report/report.h"

static const char *golden_directory;
static bool update;

/* Two runs and their comparison. */
struct story {
    struct fixture before, after;
    struct compare_side sides[COMPARE_SIDES];
    struct comparison comparison;
    struct report_diff diff;
};

static void story_clear(struct story *s)
{
    comparison_clear(&s->comparison);
    fixture_free(&s->before);
    fixture_free(&s->after);
}

static void story_compare(struct story *s, const char *after_name)
{
    s->sides[COMPARE_BEFORE] = (struct compare_side){s->before.m, s->before.a};
    s->sides[COMPARE_AFTER] = (struct compare_side){s->after.m, s->after.a};
    assert_int_equal(compare(&s->sides[0], &s->sides[1], &s->comparison), 0);
    s->diff = (struct report_diff){{"before.json", after_name}, s->sides, &s->comparison};
}

/* The advice was followed: processes, a third of the time, no lock to queue for. */
static void story_faster(struct story *s)
{
    struct measurement *m;

    s->before = fixture_convoy();
    s->after = fixture_convoy();
    m = s->after.m;
    for (size_t i = 0; i < m->n_repeats; i++) {
        m->repeats[i].wall_ns = m->repeats[i].wall_ns * 3 / 10;
        m->repeats[i].blocked_ns[CAUSE_INTERPRETER_LOCK] = 0;
    }
    m->wall_ns = m->wall_ns * 3 / 10;
    m->thread_time_ns -= m->blocked_ns[CAUSE_INTERPRETER_LOCK];
    m->blocked_ns[CAUSE_INTERPRETER_LOCK] = 0;
    m->processes_total = 5;
    s->after.a->current_model = MODEL_PROCESSES;
    s->after.a->current_workers = 4;
    s->after.a->recommendation.change = CHANGE_KEEP;
    finding_clear(&s->after.a->findings[0]);
    s->after.a->n_findings--;
    memmove(s->after.a->findings, s->after.a->findings + 1, s->after.a->n_findings * sizeof(struct finding));
    story_compare(s, "after.json");
}

/* Another program altogether, every name in it hostile, the file's, too. */
static void story_hostile(struct story *s)
{
    s->before = fixture_convoy();
    s->after = fixture_hostile();
    story_compare(s, "evil\033[31m\xe2\x80\xae\n\xff.json");
}

static void story_tie(struct story *s)
{
    s->before = fixture_short();
    s->after = fixture_short();
    story_compare(s, "after.json");
}

static char *render(const struct story *s, const struct report_options *options)
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

static void check_golden(const char *name, void (*make)(struct story *), struct report_options options)
{
    CLEANUP(story_clear) struct story s = {0};
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
    check_golden("faster.txt", story_faster, (struct report_options){.format = REPORT_TEXT});
    check_golden("faster-verbose-120.txt", story_faster,
                 (struct report_options){.format = REPORT_TEXT, .width = 120, .color = true, .verbose = true});
    check_golden("faster.json", story_faster, (struct report_options){.format = REPORT_JSON});
    check_golden("hostile.txt", story_hostile, (struct report_options){.format = REPORT_TEXT, .utf8 = true});
    check_golden("hostile.json", story_hostile, (struct report_options){.format = REPORT_JSON});
    check_golden("tie.txt", story_tie, (struct report_options){.format = REPORT_TEXT});
    check_golden("tie.json", story_tie, (struct report_options){.format = REPORT_JSON});
}

/* No line is wider than asked, and nothing a target named reaches a terminal as more than printable characters. */
static void lines_keep_their_width_and_names_their_place(void **state)
{
    static void (*const stories[])(struct story *) = {story_faster, story_hostile, story_tie};
    static const unsigned widths[] = {40, 59, 60, 80, 200};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(stories) * ARRAY_SIZE(widths) * 2; i++) {
        unsigned width = widths[i / 2 % ARRAY_SIZE(widths)];
        CLEANUP(story_clear) struct story s = {0};
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
    struct story s = {0};
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    (void)state;
    story_faster(&s);
    free(s.before.m->target.argv[1]);
    s.before.m->target.argv[1] = malloc(130001);
    memset(s.before.m->target.argv[1], '\033', 130000);
    s.before.m->target.argv[1][130000] = '\0';
    assert_int_equal(report_write_diff(out, &s.diff, &options), 0);
    assert_int_equal(fclose(out), 0);
    assert_non_null(strstr(text, "\\x1b\\x1b"));
    assert_non_null(strstr(text, "... |"));
    assert_true(size < 10000);
    story_clear(&s);
}

static void later_formats_and_write_errors_are_reported(void **state)
{
    CLEANUP(story_clear) struct story s = {0};
    AUTO_FCLOSE FILE *full = fopen("/dev/full", "w");

    (void)state;
    story_faster(&s);
    assert_int_equal(report_write_diff(stdout, &s.diff, &(struct report_options){.format = REPORT_HTML}), -ENOTSUP);
    assert_non_null(full);
    (void)setvbuf(full, NULL, _IONBF, 0);
    assert_int_equal(report_write_diff(full, &s.diff, &(struct report_options){.format = REPORT_TEXT}), -EIO);
    clearerr(full);
    assert_int_equal(report_write_diff(full, &s.diff, &(struct report_options){.format = REPORT_JSON}), -EIO);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comparisons_match_golden_files),
        cmocka_unit_test(lines_keep_their_width_and_names_their_place),
        cmocka_unit_test(long_commands_are_cut),
        cmocka_unit_test(later_formats_and_write_errors_are_reported),
    };

    if (argc < 2) {
        (void)fprintf(stderr, "usage: %s GOLDEN_DIRECTORY [--update]\n", argv[0]);
        return 2;
    }
    golden_directory = argv[1];
    update = argc > 2 && strcmp(argv[2], "--update") == 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
