/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whole reports against golden files: test_report DIRECTORY [--update].
 * --update rewrites them; read the difference before you commit it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/base.h"
#include "base/utf8.h"
#include "fixture.h"
#include "report/escape.h"
#include "report/report.h"

static const char *golden_directory;
static bool update;

static char *render(const struct fixture *f, const struct report_options *options)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    assert_non_null(out);
    assert_int_equal(report_write(out, f->m, f->a, options), 0);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(strlen(text), size);
    return text;
}

static char *read_file(const char *path)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    FILE *in = fopen(path, "r");
    int c;

    assert_non_null(out);
    while (in && (c = fgetc(in)) != EOF)
        (void)fputc(c, out);
    if (in)
        (void)fclose(in);
    (void)fclose(out);
    return text;
}

static void check_golden(const char *name, struct fixture f, struct report_options options)
{
    char path[1024];
    AUTO_FREE char *text = render(&f, &options);
    AUTO_FREE char *expected = NULL;

    (void)snprintf(path, sizeof(path), "%s/%s", golden_directory, name);
    if (update) {
        AUTO_FCLOSE FILE *out = fopen(path, "w");

        assert_non_null(out);
        assert_true(fputs(text, out) >= 0);
    }
    expected = read_file(path);
    assert_string_equal(text, expected);
    fixture_free(&f);
}

static void reports_match_golden_files(void **state)
{
    (void)state;
    check_golden("convoy.txt", fixture_convoy(), (struct report_options){.format = REPORT_TEXT});
    check_golden("convoy-verbose-120.txt", fixture_convoy(),
                 (struct report_options){.format = REPORT_TEXT, .width = 120, .verbose = true, .utf8 = true});
    check_golden("convoy-color.txt", fixture_convoy(), (struct report_options){.format = REPORT_TEXT, .color = true});
    check_golden("convoy.json", fixture_convoy(), (struct report_options){.format = REPORT_JSON});
    check_golden("short.txt", fixture_short(), (struct report_options){.format = REPORT_TEXT});
    check_golden("short.json", fixture_short(), (struct report_options){.format = REPORT_JSON});
    check_golden("hostile.txt", fixture_hostile(),
                 (struct report_options){.format = REPORT_TEXT, .utf8 = true, .verbose = true});
    check_golden("hostile.json", fixture_hostile(), (struct report_options){.format = REPORT_JSON});
}

/* The widest line, in columns, with colour codes left out. */
static size_t widest(const char *text)
{
    size_t widest_columns = 0;

    while (*text) {
        size_t n = strcspn(text, "\n");
        AUTO_FREE char *line = strndup(text, n);

        if (escape_columns(line) > widest_columns)
            widest_columns = escape_columns(line);
        text += n + (text[n] == '\n');
    }
    return widest_columns;
}

static void no_line_is_wider_than_asked(void **state)
{
    static const unsigned widths[] = {40, 60, 72, 80, 120};
    struct fixture (*const stories[])(void) = {fixture_convoy, fixture_short, fixture_hostile};

    (void)state;
    for (size_t s = 0; s < ARRAY_SIZE(stories); s++) {
        for (size_t i = 0; i < ARRAY_SIZE(widths) * 4; i++) {
            struct fixture f = stories[s]();
            unsigned width = widths[i / 4];
            AUTO_FREE char *text = render(
                &f, &(struct report_options){.format = REPORT_TEXT, .width = width, .utf8 = i & 1, .verbose = i & 2});

            assert_in_range(widest(text), width / 2, width);
            fixture_free(&f);
        }
    }
}

/* Speed-ups of `each` per worker up to a limit, for 1, 2, 4, ... 1024 of them. */
static void long_curve(struct model_evidence *row, double each, double limit)
{
    free(row->scaling);
    row->scaling = calloc(11, sizeof(*row->scaling));
    assert_non_null(row->scaling);
    row->available = true;
    for (row->n_scaling = 0; row->n_scaling < 11; row->n_scaling++) {
        double speedup = each * (double)(1u << row->n_scaling);

        row->scaling[row->n_scaling] = (struct scaling_point){1u << row->n_scaling, speedup < limit ? speedup : limit};
    }
}

static size_t lines_with(const char *text, const char *what)
{
    size_t n = 0;

    for (const char *at = strstr(text, what); at; at = strstr(at + 1, what))
        n++;
    return n;
}

static void long_curves_are_plotted_within_the_width(void **state)
{
    static const unsigned widths[] = {40, 80, 200};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(widths); i++) {
        struct fixture f = fixture_convoy();
        struct recommendation *r = &f.a->recommendation;
        AUTO_FREE char *text = NULL;

        r->model = MODEL_COROUTINES;
        r->workers = 256;
        f.a->evidence.models[MODEL_COROUTINES].in_flight = 256;
        long_curve(&f.a->evidence.models[MODEL_COROUTINES], 1.0, 1000.0);
        long_curve(&f.a->evidence.models[MODEL_PROCESSES_COROUTINES], 1.0, 1100.0);
        text = render(&f, &(struct report_options){.format = REPORT_TEXT, .width = widths[i]});
        assert_in_range(widest(text), 1, widths[i]);
        assert_non_null(strstr(text, "1024x |"));
        assert_non_null(strstr(text, " 256"));
        assert_int_equal(lines_with(text, "x |"), 5);
        fixture_free(&f);
    }
}

static void what_does_not_scale_is_not_plotted(void **state)
{
    struct fixture f = fixture_convoy();
    AUTO_FREE char *plotted = render(&f, &(struct report_options){.format = REPORT_TEXT}), *flat = NULL, *kept = NULL;

    (void)state;
    assert_int_equal(lines_with(plotted, "x |"), 5);
    f.a->recommendation.change = CHANGE_KEEP;
    kept = render(&f, &(struct report_options){.format = REPORT_TEXT});
    assert_int_equal(lines_with(kept, "x |"), 0);
    f.a->recommendation.change = CHANGE_SWITCH;
    for (size_t i = 0; i < f.a->evidence.models[MODEL_PROCESSES].n_scaling; i++)
        f.a->evidence.models[MODEL_PROCESSES].scaling[i].speedup = 1.1;
    flat = render(&f, &(struct report_options){.format = REPORT_TEXT});
    assert_int_equal(lines_with(flat, "x |"), 0);
    fixture_free(&f);
}

/* A detail that says where the lock was held is not followed by the same place again. */
static void a_place_is_said_once(void **state)
{
    struct fixture f = fixture_convoy();
    struct finding *finding = &f.a->findings[0];
    AUTO_FREE char *twice = render(&f, &(struct report_options){.format = REPORT_TEXT, .width = 200}), *once = NULL;
    const char *line = strstr(twice, "CA2001");

    (void)state;
    assert_int_equal(finding->id, 2001);
    assert_non_null(line);
    assert_non_null(memmem(line, strcspn(line, "\n"), "crawl.py:88", strlen("crawl.py:88")));
    free(finding->detail);
    finding->detail = strdup("8 threads; held by parse() at crawl.py:88");
    once = render(&f, &(struct report_options){.format = REPORT_TEXT, .width = 200});
    line = strstr(strstr(strstr(once, "CA2001"), "crawl.py:88") + 1, "crawl.py:88");
    assert_true(!line || memchr(strstr(once, "CA2001"), '\n', (size_t)(line - strstr(once, "CA2001"))));
    fixture_free(&f);
}

static void width_zero_means_80(void **state)
{
    struct fixture f = fixture_convoy();
    AUTO_FREE char *unset = render(&f, &(struct report_options){.format = REPORT_TEXT});
    AUTO_FREE char *eighty = render(&f, &(struct report_options){.format = REPORT_TEXT, .width = 80});

    (void)state;
    assert_string_equal(unset, eighty);
    fixture_free(&f);
}

/* Nothing the target named may reach a terminal as more than printable characters. */
static void hostile_names_reach_no_terminal(void **state)
{
    static const unsigned widths[] = {40, 80, 200};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(widths) * 2; i++) {
        bool utf8 = i & 1;
        struct fixture f = fixture_hostile();
        AUTO_FREE char *text = render(
            &f, &(struct report_options){.format = REPORT_TEXT, .width = widths[i / 2], .utf8 = utf8, .verbose = true});
        size_t n = strlen(text);

        for (size_t at = 0; at < n;) {
            uint32_t code = 0;
            size_t length = utf8_decode(text + at, n - at, &code);

            assert_true(length > 0);
            assert_true(code == '\n' || (code >= 0x20 && code < 0x7f) || (utf8 && code >= 0xa0));
            assert_false(code == 0x202e || code == 0x2066);
            at += length;
        }
        fixture_free(&f);
    }
}

static void later_formats_are_refused(void **state)
{
    struct fixture f = fixture_short();

    (void)state;
    assert_int_equal(report_write(stdout, f.m, f.a, &(struct report_options){.format = REPORT_HTML}), -ENOTSUP);
    assert_int_equal(report_write(stdout, f.m, f.a, &(struct report_options){.format = REPORT_MARKDOWN}), -ENOTSUP);
    fixture_free(&f);
}

static void write_errors_are_reported(void **state)
{
    struct fixture f = fixture_convoy();
    AUTO_FCLOSE FILE *full = fopen("/dev/full", "w");

    (void)state;
    assert_non_null(full);
    (void)setvbuf(full, NULL, _IONBF, 0);
    assert_int_equal(report_write(full, f.m, f.a, &(struct report_options){.format = REPORT_TEXT}), -EIO);
    clearerr(full);
    assert_int_equal(report_write(full, f.m, f.a, &(struct report_options){.format = REPORT_JSON}), -EIO);
    fixture_free(&f);
}

static void formats_have_names_and_suffixes(void **state)
{
    enum report_format format = REPORT_TEXT;

    (void)state;
    assert_int_equal(report_format_from_str("json", &format), 0);
    assert_int_equal(format, REPORT_JSON);
    assert_int_equal(report_format_from_str("JSON", &format), -EINVAL);
    assert_int_equal(report_format_from_str("", &format), -EINVAL);
    assert_int_equal(report_format_from_str(NULL, &format), -EINVAL);
    assert_int_equal(report_format_from_path("a.b/out.md", &format), 0);
    assert_int_equal(format, REPORT_MARKDOWN);
    assert_int_equal(report_format_from_path("out.txt", &format), 0);
    assert_int_equal(format, REPORT_TEXT);
    assert_int_equal(report_format_from_path("dir.json/out", &format), -EINVAL);
    assert_int_equal(report_format_from_path("out", &format), -EINVAL);
    assert_int_equal(format, REPORT_TEXT);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reports_match_golden_files),
        cmocka_unit_test(no_line_is_wider_than_asked),
        cmocka_unit_test(long_curves_are_plotted_within_the_width),
        cmocka_unit_test(what_does_not_scale_is_not_plotted),
        cmocka_unit_test(a_place_is_said_once),
        cmocka_unit_test(width_zero_means_80),
        cmocka_unit_test(hostile_names_reach_no_terminal),
        cmocka_unit_test(later_formats_are_refused),
        cmocka_unit_test(write_errors_are_reported),
        cmocka_unit_test(formats_have_names_and_suffixes),
    };

    if (argc < 2) {
        (void)fprintf(stderr, "usage: %s GOLDEN_DIRECTORY [--update]\n", argv[0]);
        return 2;
    }
    golden_directory = argv[1];
    update = argc > 2 && strcmp(argv[2], "--update") == 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
