/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "analyzer/advice.h"
#include "base/base.h"
#include "cli/options.h"
#include "cli/options_table.h"

#define MAX_ARGS 12

struct parsed {
    struct options options;
    char message[OPTIONS_MESSAGE];
    char *argv[MAX_ARGS + 2];
    int status;
};

/* Parse "concadvise" and the words given, up to NULL. */
static void parse(struct parsed *out, const char *const *words)
{
    int argc = 1;

    memset(out, 0, sizeof(*out));
    out->argv[0] = (char *)"concadvise";
    for (; words[argc - 1]; argc++) {
        assert_true(argc <= MAX_ARGS);
        out->argv[argc] = (char *)words[argc - 1];
    }
    out->status = options_parse(argc, out->argv, &out->options, out->message);
}

#define PARSE(out, ...) parse((out), (const char *const[]){__VA_ARGS__, NULL})

static void expect_refused(int status, const char *word, const char *const *words)
{
    struct parsed p;

    parse(&p, words);
    assert_int_equal(p.status, status);
    if (!strstr(p.message, word))
        fail_msg("'%s' is not in: %s", word, p.message);
    options_clear(&p.options);
}

#define REFUSED(status, word, ...) expect_refused((status), (word), (const char *const[]){__VA_ARGS__, NULL})

static void options_end_at_the_command(void **state)
{
    struct parsed p;

    (void)state;
    PARSE(&p, "-v", "prog", "-q", "--help");
    assert_int_equal(p.status, 0);
    assert_int_equal(p.options.command, COMMAND_RUN);
    assert_true(p.options.verbose);
    assert_false(p.options.quiet);
    assert_int_equal(p.options.n_operands, 3);
    assert_string_equal(p.options.operands[0], "prog");
    assert_null(p.options.operands[3]);
    options_clear(&p.options);

    PARSE(&p, "run", "-q", "--", "-odd", "-v");
    assert_int_equal(p.status, 0);
    assert_true(p.options.quiet);
    assert_string_equal(p.options.operands[0], "-odd");
    assert_int_equal(p.options.n_operands, 2);
    options_clear(&p.options);
}

static void dashes_make_a_subcommand_a_program(void **state)
{
    struct parsed p;

    (void)state;
    PARSE(&p, "--", "report", "x");
    assert_int_equal(p.options.command, COMMAND_RUN);
    assert_string_equal(p.options.operands[0], "report");
    options_clear(&p.options);
    PARSE(&p, "run", "diff", "x");
    assert_int_equal(p.status, 0);
    assert_string_equal(p.options.operands[0], "diff");
    options_clear(&p.options);
    /* "--" as a value ends nothing */
    PARSE(&p, "--tree", "--", "report", "x");
    assert_int_equal(p.options.command, COMMAND_REPORT);
    assert_string_equal(p.options.tree, "--");
    options_clear(&p.options);
}

static void subcommands_take_options_on_both_sides(void **state)
{
    struct parsed p;

    (void)state;
    PARSE(&p, "report", "run.json", "-f", "json", "-v");
    assert_int_equal(p.status, 0);
    assert_int_equal(p.options.command, COMMAND_REPORT);
    assert_int_equal(p.options.format, REPORT_JSON);
    assert_int_equal(p.options.n_operands, 1);
    assert_string_equal(p.options.operands[0], "run.json");
    options_clear(&p.options);
    PARSE(&p, "-v", "report", "run.json");
    assert_int_equal(p.status, 0);
    assert_true(p.options.verbose);
    options_clear(&p.options);
}

static void defaults_and_values(void **state)
{
    struct parsed p;

    (void)state;
    PARSE(&p, "prog");
    assert_int_equal(p.status, 0);
    assert_true(p.options.evidence);
    assert_false(p.options.light);
    assert_int_equal(p.options.evidence_ns, 3 * NSEC_PER_SEC);
    assert_int_equal(p.options.probe, PROBE_AUTO);
    assert_int_equal(p.options.format, REPORT_TEXT);
    assert_int_equal(p.options.error_exitcode, 1);
    assert_int_equal(p.options.fail_severity, -1);
    assert_int_equal(p.options.cpus, 0);
    assert_int_equal(p.options.runs, 1);
    assert_false(p.options.live);
    options_clear(&p.options);

    PARSE(&p, "--live", "-q", "prog"); /* the quieter one wins (cli/progress.c) */
    assert_int_equal(p.status, 0);
    assert_true(p.options.live);
    options_clear(&p.options);

    PARSE(&p, "--light", "prog");
    assert_int_equal(p.status, 0);
    assert_true(p.options.light);
    assert_false(p.options.evidence);
    options_clear(&p.options);

    PARSE(&p, "-d500ms", "--cpus=4", "--evidence-time", "1s", "--probe", "procfs", "--save=s", "-u", "me", "prog");
    assert_int_equal(p.status, 0);
    assert_int_equal(p.options.duration_ns, 500 * NSEC_PER_MSEC);
    assert_int_equal(p.options.cpus, 4);
    assert_int_equal(p.options.evidence_ns, NSEC_PER_SEC);
    assert_int_equal(p.options.probe, PROBE_PROCFS);
    assert_string_equal(p.options.save, "s");
    assert_string_equal(p.options.user, "me");
    options_clear(&p.options);
}

static void outputs_take_their_format_from_the_suffix(void **state)
{
    struct parsed p;

    (void)state;
    PARSE(&p, "-o", "a.json", "-o", "b.txt", "-o", "-", "-o", "c", "-f", "json", "prog");
    assert_int_equal(p.status, 0);
    assert_int_equal(p.options.n_outputs, 4);
    assert_int_equal(p.options.outputs[0].format, REPORT_JSON);
    assert_int_equal(p.options.outputs[1].format, REPORT_TEXT);
    assert_int_equal(p.options.outputs[2].format, REPORT_JSON);
    assert_int_equal(p.options.outputs[3].format, REPORT_JSON);
    assert_string_equal(p.options.outputs[3].path, "c");
    options_clear(&p.options);
}

static void gates_collect_ids_and_the_lowest_severity(void **state)
{
    struct parsed p;

    (void)state;
    PARSE(&p, "--fail-on", "CA2001", "--fail-on=high", "--fail-on", "medium", "--error-exitcode", "255", "prog");
    assert_int_equal(p.status, 0);
    assert_int_equal(p.options.n_fail_on, 1);
    assert_int_equal(p.options.fail_on[0], 2001);
    assert_int_equal(p.options.fail_severity, SEVERITY_MEDIUM);
    assert_int_equal(p.options.error_exitcode, 255);
    options_clear(&p.options);
    PARSE(&p, "--ignore", "2101", "--ignore", "one-busy-core", "prog");
    assert_int_equal(p.status, 0);
    assert_int_equal(p.options.n_ignored, 2);
    assert_int_equal(p.options.ignored[1], 1001);
    options_clear(&p.options);
}

static void bad_values_are_refused_on_both_sides_of_the_limit(void **state)
{
    struct parsed p;

    (void)state;
    REFUSED(STATUS_FAILED, "--cpus 0", "--cpus", "0", "prog");
    REFUSED(STATUS_FAILED, "--cpus 65537", "--cpus", "65537", "prog");
    PARSE(&p, "--cpus", "65536", "prog");
    assert_int_equal(p.status, 0);
    options_clear(&p.options);
    REFUSED(STATUS_FAILED, "-3", "--cpus", "-3", "prog");
    REFUSED(STATUS_FAILED, "--runs 0", "-r", "0", "prog");
    REFUSED(STATUS_FAILED, "--runs 101", "-r", "101", "prog");
    PARSE(&p, "-r100", "prog");
    assert_int_equal(p.status, 0);
    assert_int_equal(p.options.runs, 100);
    options_clear(&p.options);
    REFUSED(STATUS_FAILED, "soon", "-d", "soon", "prog");
    REFUSED(STATUS_FAILED, "--duration 0", "-d", "0", "prog");
    REFUSED(STATUS_FAILED, "--error-exitcode 256", "--error-exitcode", "256", "prog");
    REFUSED(STATUS_FAILED, "--error-exitcode 0", "--error-exitcode", "0", "prog");
    REFUSED(STATUS_FAILED, "yaml", "-f", "yaml", "prog");
    REFUSED(STATUS_FAILED, "magic", "--probe", "magic", "prog");
    REFUSED(STATUS_FAILED, "sometimes", "--color", "sometimes", "prog");
    REFUSED(STATUS_FAILED, "CA0000", "--fail-on", "CA0000", "prog");
    REFUSED(STATUS_FAILED, "info", "--fail-on", "info", "prog");
    REFUSED(STATUS_FAILED, "CA0000", "--ignore", "CA0000", "prog");
    REFUSED(STATUS_FAILED, "--output", "-o", "", "prog");
    REFUSED(STATUS_USAGE, "yaml", "report", "-f", "yaml", "x");
}

static void unknown_and_incomplete_options_are_refused(void **state)
{
    (void)state;
    REFUSED(STATUS_FAILED, "--no-such", "--no-such", "prog");
    REFUSED(STATUS_FAILED, "-Z", "-Z", "prog");
    REFUSED(STATUS_FAILED, "-Z", "-vZq", "prog");
    REFUSED(STATUS_FAILED, "--quiet=1", "--quiet=1", "prog");
    REFUSED(STATUS_FAILED, "needs a value", "-o");
    REFUSED(STATUS_FAILED, "needs a value", "--tree");
    REFUSED(STATUS_FAILED, "no command", "--no-evidence");
    REFUSED(STATUS_FAILED, "no command", "--");
    REFUSED(STATUS_USAGE, "--no-such", "report", "x", "--no-such");
    REFUSED(STATUS_USAGE, "--save has no meaning", "report", "x", "--save", "y");
    REFUSED(STATUS_USAGE, "--live has no meaning", "report", "x", "--live");
    REFUSED(STATUS_USAGE, "--duration has no meaning", "-d", "1s", "doctor");
    REFUSED(STATUS_USAGE, "one file", "report");
    REFUSED(STATUS_USAGE, "one file", "report", "a", "b");
    REFUSED(STATUS_USAGE, "one thing", "explain");
    REFUSED(STATUS_USAGE, "no arguments", "doctor", "x");
}

static void diff_and_replay_take_files(void **state)
{
    struct parsed p;

    (void)state;
    PARSE(&p, "diff", "a", "-f", "json", "b");
    assert_int_equal(p.status, 0);
    assert_int_equal(p.options.command, COMMAND_DIFF);
    assert_int_equal(p.options.n_operands, 2);
    assert_string_equal(p.options.operands[1], "b");
    options_clear(&p.options);
    PARSE(&p, "replay", "a", "--save", "b", "--evidence-time", "1s");
    assert_int_equal(p.status, 0);
    assert_int_equal(p.options.command, COMMAND_REPLAY);
    assert_string_equal(p.options.save, "b");
    options_clear(&p.options);
    REFUSED(STATUS_USAGE, "two files", "diff", "a");
    REFUSED(STATUS_USAGE, "two files", "diff", "a", "b", "c");
    REFUSED(STATUS_USAGE, "--save has no meaning", "diff", "a", "b", "--save", "c");
    REFUSED(STATUS_USAGE, "--fail-on has no meaning", "diff", "a", "b", "--fail-on", "high");
    REFUSED(STATUS_USAGE, "one file", "replay");
    REFUSED(STATUS_USAGE, "--runs has no meaning", "replay", "a", "-r", "2");
}

static void export_takes_one_file_and_a_format(void **state)
{
    struct parsed p;

    (void)state;
    PARSE(&p, "export", "a", "--to", "pprof", "-o", "x.json");
    assert_int_equal(p.status, 0);
    assert_int_equal(p.options.command, COMMAND_EXPORT);
    assert_int_equal(p.options.export_to, REPORT_EXPORT_PPROF);
    assert_string_equal(p.options.outputs[0].path, "x.json");
    options_clear(&p.options);
    REFUSED(STATUS_USAGE, "--to folded", "export", "a");
    REFUSED(STATUS_USAGE, "one file", "export", "--to", "folded");
    REFUSED(STATUS_USAGE, "openmetrics", "export", "a", "--to", "csv");
    REFUSED(STATUS_USAGE, "-o once", "export", "a", "--to", "folded", "-o", "x", "-o", "y");
    REFUSED(STATUS_USAGE, "--save has no meaning", "export", "a", "--to", "folded", "--save", "x");
    REFUSED(STATUS_USAGE, "--to has no meaning", "report", "a", "--to", "folded");
}

static void a_running_process_takes_no_command(void **state)
{
    struct parsed p;

    (void)state;
    PARSE(&p, "-p", "4194304", "-d", "10s");
    assert_int_equal(p.status, 0);
    assert_int_equal(p.options.command, COMMAND_RUN);
    assert_int_equal(p.options.pid, 4194304);
    assert_int_equal(p.options.n_operands, 0);
    options_clear(&p.options);
    PARSE(&p, "run", "--pid", "1");
    assert_int_equal(p.status, 0);
    assert_int_equal(p.options.pid, 1);
    options_clear(&p.options);
    REFUSED(STATUS_FAILED, "takes no command (prog)", "-p", "1", "--", "prog");
    REFUSED(STATUS_FAILED, "--user has no meaning", "-p", "1", "-u", "nobody");
    REFUSED(STATUS_FAILED, "--runs has no meaning", "-p", "1", "-r", "2");
    REFUSED(STATUS_FAILED, "number of a process", "-p", "0");
    REFUSED(STATUS_FAILED, "number of a process", "-p", "4194305");
    REFUSED(STATUS_FAILED, "number of a process", "-p", "1x");
    REFUSED(STATUS_USAGE, "--pid has no meaning", "report", "a", "-p", "1");
}

static void help_and_version_win(void **state)
{
    struct parsed p;

    (void)state;
    PARSE(&p, "-h");
    assert_int_equal(p.status, 0);
    assert_int_equal(p.options.command, COMMAND_HELP);
    options_clear(&p.options);
    PARSE(&p, "report", "--help");
    assert_int_equal(p.status, 0);
    assert_int_equal(p.options.command, COMMAND_HELP);
    options_clear(&p.options);
    PARSE(&p, "--version");
    assert_int_equal(p.options.command, COMMAND_VERSION);
    options_clear(&p.options);
}

static void help_lists_every_option_in_80_columns(void **state)
{
    AUTO_FREE char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    (void)state;
    options_print_help(out);
    (void)fclose(out);
    for (int key = 0; key < OPTION_COUNT; key++) {
        char name[64];

        assert_non_null(options_table[key].name);
        assert_non_null(options_table[key].help);
        assert_true(options_table[key].commands != 0);
        (void)snprintf(name, sizeof(name), "--%s", options_table[key].name);
        assert_non_null(strstr(text, name));
        for (int other = 0; other < key; other++) {
            assert_string_not_equal(options_table[key].name, options_table[other].name);
            assert_true(options_table[key].letter == 0 || options_table[key].letter != options_table[other].letter);
        }
    }
    for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n')
        if (strcspn(line, "\n") > 80)
            fail_msg("wider than 80 columns: %.*s", (int)strcspn(line, "\n"), line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_end_at_the_command),
        cmocka_unit_test(dashes_make_a_subcommand_a_program),
        cmocka_unit_test(subcommands_take_options_on_both_sides),
        cmocka_unit_test(defaults_and_values),
        cmocka_unit_test(outputs_take_their_format_from_the_suffix),
        cmocka_unit_test(gates_collect_ids_and_the_lowest_severity),
        cmocka_unit_test(bad_values_are_refused_on_both_sides_of_the_limit),
        cmocka_unit_test(unknown_and_incomplete_options_are_refused),
        cmocka_unit_test(diff_and_replay_take_files),
        cmocka_unit_test(export_takes_one_file_and_a_format),
        cmocka_unit_test(a_running_process_takes_no_command),
        cmocka_unit_test(help_and_version_win),
        cmocka_unit_test(help_lists_every_option_in_80_columns),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
