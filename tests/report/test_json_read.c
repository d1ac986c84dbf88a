/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "analyzer/compare/compare.h"
#include "base/base.h"
#include "fixture.h"
#include "report/report.h"

/* A file that is gone at the end of its scope. */
struct file {
    char path[64];
};

static void file_clear(struct file *file)
{
    (void)unlink(file->path);
}

static struct file file_of(const char *bytes, size_t n)
{
    struct file file = {"/tmp/concadvise-test-XXXXXX"};
    AUTO_CLOSE int fd = mkstemp(file.path);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, n), (ssize_t)n);
    return file;
}

static char *json_of(const struct fixture *f)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    assert_non_null(out);
    assert_int_equal(report_write(out, f->m, f->a, &(struct report_options){.format = REPORT_JSON}), 0);
    (void)fclose(out);
    return text;
}

static int read_text(const char *text, size_t n, struct fixture *ret, char message[256])
{
    CLEANUP(file_clear) struct file file = file_of(text, n);

    message[0] = '\0';
    return report_read(file.path, &ret->m, &ret->a, message, 256);
}

/* Its status is its parent's to know: null, whatever the measurement says. */
static void a_report_of_an_attached_program_comes_back(void **state)
{
    struct fixture f = fixture_convoy(), back = {0};
    AUTO_FREE char *text = NULL;
    char message[256];

    (void)state;
    f.m->target.attached = true;
    f.m->target.ran_before_ns = 3600 * NSEC_PER_SEC;
    text = json_of(&f);
    assert_non_null(strstr(text, "\"exit_status\": null"));
    assert_int_equal(read_text(text, strlen(text), &back, message), 0);
    assert_true(back.m->target.attached);
    assert_int_equal(back.m->target.ran_before_ns, 3600 * NSEC_PER_SEC);
    fixture_free(&back);
    fixture_free(&f);
}

/* What is read back compares with the original as equal in everything. */
static void a_report_comes_back(void **state)
{
    static struct fixture (*const stories[])(void) = {fixture_convoy, fixture_short};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(stories); i++) {
        struct fixture f = stories[i](), back = {0};
        AUTO_FREE char *text = json_of(&f);
        CLEANUP(comparison_clear) struct comparison c = {0};
        char message[256];

        assert_int_equal(read_text(text, strlen(text), &back, message), 0);
        assert_int_equal(compare(&(struct compare_side){f.m, f.a}, &(struct compare_side){back.m, back.a}, &c), 0);
        assert_int_equal(c.wall.verdict, COMPARE_TIE);
        assert_int_equal(c.wall.runs[COMPARE_BEFORE], c.wall.runs[COMPARE_AFTER]);
        assert_memory_equal(c.wall.range_ns[0], c.wall.range_ns[1], sizeof(c.wall.range_ns[0]));
        assert_int_equal(c.caveats & ~(1u << COMPARE_BEFORE_FAILED | 1u << COMPARE_AFTER_FAILED), 0);
        assert_int_equal(back.m->target.exit_status, f.m->target.exit_status);
        for (size_t k = 0; k < COMPARE_ROWS; k++)
            assert_int_equal(c.rows[k].time_ns[0], c.rows[k].time_ns[1]);
        assert_int_equal(c.peak[0], c.peak[1]);
        assert_int_equal(c.n_findings, f.a->n_findings);
        for (size_t k = 0; k < c.n_findings; k++)
            assert_int_equal(c.findings[k].change, COMPARE_STILL);
        assert_int_equal(back.m->threads_total, f.m->threads_total);
        assert_int_equal(back.m->max_live_threads, f.m->max_live_threads);
        assert_int_equal(back.a->current_model, f.a->current_model);
        assert_int_equal(back.a->current_workers, f.a->current_workers);
        assert_int_equal(back.a->recommendation.model, f.a->recommendation.model);
        assert_int_equal(back.a->recommendation.expected_ns, f.a->recommendation.expected_ns);
        assert_true(back.a->recommendation.interval[1] == f.a->recommendation.interval[1]);
        for (int model = 0; model < MODEL_COUNT; model++) {
            const struct model_evidence *a = &f.a->evidence.models[model], *b = &back.a->evidence.models[model];

            assert_int_equal(a->available, b->available);
            if (!a->available)
                continue;
            assert_int_equal(a->median_ns, b->median_ns);
            assert_int_equal(a->workers, b->workers);
            assert_int_equal(a->n_scaling, b->n_scaling);
            assert_int_equal(a->source == SOURCE_REPLAY, b->source == SOURCE_REPLAY);
        }
        fixture_free(&f);
        fixture_free(&back);
    }
}

static void a_hostile_report_comes_back(void **state)
{
    struct fixture f = fixture_hostile(), back = {0};
    AUTO_FREE char *text = json_of(&f);
    char message[256];

    (void)state;
    assert_int_equal(read_text(text, strlen(text), &back, message), 0);
    assert_int_equal(back.m->target.n_argv, f.m->target.n_argv);
    fixture_free(&f);
    fixture_free(&back);
}

static void other_files_are_told_from_damaged_reports(void **state)
{
    static const struct {
        const char *text;
        int error;
    } cases[] = {
        {"", -ENOMSG},
        {"hello", -ENOMSG},
        {"[]", -ENOMSG},
        {"{}", -ENOMSG},
        {"{\"concadvise_measurement\": 1}", -ENOMSG},
        {"{\"schema_version\": 1, \"kind\": \"diff\"}", -ENOMSG},
        {"{\"schema_version\": 2}", -EPROTONOSUPPORT},
        {"{\"schema_version\": 1}", -EBADMSG},
        {"{\"schema_version\": 1, \"tool\": 5}", -EBADMSG},
    };
    char message[256];

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct fixture back = {0};

        assert_int_equal(read_text(cases[i].text, strlen(cases[i].text), &back, message), cases[i].error);
        assert_null(back.m);
        assert_null(back.a);
        assert_true(message[0] != '\0');
    }
    assert_int_equal(report_read("/nowhere/x.json", &(struct measurement *){NULL}, &(struct advice *){NULL}, message,
                                 sizeof(message)),
                     -ENOENT);
}

/* A nanosecond too many in one of the numbers that add up, of the run reported or of one of the runs. */
static void sums_that_do_not_add_up_are_refused(void **state)
{
    static const char *const numbers[] = {"\"on_cpu_ns\": 11920000000", "\"runnable_ns\": 2000000000",
                                          "\"network\": 4000000000", "\"thread_time_ns\": 99280000000"};
    struct fixture f = fixture_convoy();
    AUTO_FREE char *text = json_of(&f);
    const char *runs = strstr(text, "\"runs\": [");

    (void)state;
    assert_non_null(runs);
    for (size_t i = 0; i < ARRAY_SIZE(numbers) * 2; i++) {
        const char *number = numbers[i / 2];
        char *at = strstr(i % 2 ? runs : text, number), message[256];
        struct fixture back = {0};

        assert_non_null(at);
        at[strlen(number) - 1] = '1';
        assert_int_equal(read_text(text, strlen(text), &back, message), -EBADMSG);
        assert_non_null(strstr(message, "is not thread_time"));
        at[strlen(number) - 1] = '0';
    }
    fixture_free(&f);
}

/* Wherever a report is cut off or one of its characters changed: an error or a report, never a crash. */
static void damage_is_survived(void **state)
{
    struct fixture f = fixture_convoy();
    AUTO_FREE char *text = json_of(&f);
    size_t n = strlen(text);
    uint32_t random = 99;
    char message[256];

    (void)state;
    for (size_t cut = 0; cut < n; cut += 997) {
        struct fixture back = {0};

        assert_int_equal(read_text(text, cut, &back, message), -ENOMSG);
    }
    for (size_t i = 0; i < 400; i++) {
        static const char put[] = "0-9\"{}[],xtn";
        struct fixture back = {0};
        size_t at;
        char kept;

        random = random * 1664525u + 1013904223u;
        at = random % n;
        kept = text[at];
        text[at] = put[(random >> 20) % (sizeof(put) - 1)];
        if (read_text(text, n, &back, message) < 0)
            assert_true(message[0] != '\0');
        text[at] = kept;
        fixture_free(&back);
    }
    fixture_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_report_comes_back),
        cmocka_unit_test(a_report_of_an_attached_program_comes_back),
        cmocka_unit_test(a_hostile_report_comes_back),
        cmocka_unit_test(other_files_are_told_from_damaged_reports),
        cmocka_unit_test(sums_that_do_not_add_up_are_refused),
        cmocka_unit_test(damage_is_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
