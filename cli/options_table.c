/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/options_table.h"

#include "base/base.h"

#define RUN (1u << COMMAND_RUN)
#define REPORT (1u << COMMAND_REPORT)
#define DIFF (1u << COMMAND_DIFF)
#define REPLAY (1u << COMMAND_REPLAY)
#define EXPLAIN (1u << COMMAND_EXPLAIN)
#define DOCTOR (1u << COMMAND_DOCTOR)
#define EXPORT (1u << COMMAND_EXPORT)
#define JUDGES (RUN | REPORT | REPLAY)
#define EVERY (JUDGES | DIFF | EXPLAIN | DOCTOR | EXPORT)

const struct option_row options_table[OPTION_COUNT] = {
    [OPTION_FORMAT] =
        {'f', "format", "FORMAT", JUDGES | DIFF,
         "text, json, html or markdown; json without -o goes to stdout, the program's stdout then to stderr"},
    [OPTION_OUTPUT] = {'o', "output", "FILE", JUDGES | DIFF | EXPORT,
                       "write the report to FILE (.html, .json, .md, .txt; - is stdout); may be repeated"},
    [OPTION_DURATION] = {'d', "duration", "TIME", RUN,
                         "end the program (with -p: only the measurement) after TIME (10s, 500ms) and report"},
    [OPTION_RUNS] = {'r', "runs", "N", RUN, "measure N runs (1 to 100); the middle one is analysed, all count in diff"},
    [OPTION_PID] = {'p', "pid", "PID", RUN,
                    "measure a running process and its children, until -d TIME, Ctrl-C or its end; it goes on"},
    [OPTION_USER] = {'u', "user", "USER", RUN, "run the program as USER (default: whoever called, also under sudo)"},
    [OPTION_SAVE] = {0, "save", "FILE", RUN | REPLAY, "keep the measurement, for concadvise report, diff and replay"},
    [OPTION_TO] = {0, "to", "FORMAT", EXPORT,
                   "what export writes: folded, perfetto, pprof, firefox, sarif or openmetrics"},
    [OPTION_LIVE] =
        {0, "live", NULL, RUN,
         "while measuring, a table at the bottom of the terminal instead of a status line: threads by what they "
         "do now, and where; off when stderr is no terminal, and with -q"},
    [OPTION_LIGHT] = {0, "light", NULL, RUN, "totals alone, at about half the cost: no lines of code, no replays"},
    [OPTION_NO_EVIDENCE] = {0, "no-evidence", NULL, RUN, "do not replay the work under each model: forecast only"},
    [OPTION_EVIDENCE_TIME] = {0, "evidence-time", "TIME", RUN | REPLAY, "time for the replays (default 3s)"},
    [OPTION_PROBE] = {0, "probe", "PROBE", RUN, "auto (bpf, else procfs), bpf, or procfs (needs no privilege)"},
    [OPTION_CPUS] = {0, "cpus", "N", JUDGES | EXPORT, "advise for N CPUs (default: those the program may use)"},
    [OPTION_TREE] = {0, "tree", "FILE", JUDGES | DIFF | EXPLAIN | EXPORT,
                     "decide by this tree instead of the built-in one"},
    [OPTION_IGNORE] = {0, "ignore", "ID", JUDGES | EXPORT, "leave out this finding; may be repeated"},
    [OPTION_FAIL_ON] = {0, "fail-on", "ID|SEVERITY", JUDGES,
                        "fail on this finding, or on any from this severity on (high, medium, low); may be repeated"},
    [OPTION_BASELINE] = {0, "baseline", "FILE", JUDGES,
                         "fail only on what is new or worse than in FILE (saved measurement or JSON report)"},
    [OPTION_ERROR_EXITCODE] = {0, "error-exitcode", "N", JUDGES,
                               "exit status for --fail-on and --baseline (default 1)"},
    [OPTION_COLOR] = {0, "color", "WHEN", JUDGES | DIFF, "auto, always or never"},
    [OPTION_QUIET] = {'q', "quiet", NULL, JUDGES | DIFF, "no progress and no report on stderr; files are written"},
    [OPTION_VERBOSE] = {'v', "verbose", NULL, JUDGES | DIFF, "also threads, stacks, and every step of the decision"},
    [OPTION_VERSION] = {'V', "version", NULL, EVERY, "print version and features"},
    [OPTION_HELP] = {'h', "help", NULL, EVERY, "print this help"},
};

const struct command_row options_commands[OPTION_COMMANDS] = {
    {"run", COMMAND_RUN},   {"report", COMMAND_REPORT}, {"explain", COMMAND_EXPLAIN}, {"doctor", COMMAND_DOCTOR},
    {"diff", COMMAND_DIFF}, {"replay", COMMAND_REPLAY}, {"export", COMMAND_EXPORT},
};

void options_print_usage(FILE *out)
{
    (void)fputs("usage: concadvise [options] -- COMMAND [ARGUMENTS]  measure, recommend a model\n"
                "       concadvise -p PID [-d TIME]     the same for a running process\n"
                "       concadvise report FILE          the advice of a saved measurement\n"
                "       concadvise diff BEFORE AFTER    what changed between two of them\n"
                "       concadvise replay FILE          its replays again, on this machine\n"
                "       concadvise export FILE --to X   it for other tools: folded, perfetto, ...\n"
                "       concadvise explain ID|tree      a finding (all: findings), or the tree\n"
                "       concadvise doctor               what this machine can measure\n",
                out);
}

/* Words of `text` from column `indent` on, in 80 columns; the cursor stands at `column`. */
static void print_wrapped(FILE *out, const char *text, size_t indent, size_t column)
{
    (void)fprintf(out, "%*s", column < indent ? (int)(indent - column) : 0, "");
    column = indent;
    while (*text) {
        size_t n = strcspn(text, " ");

        if (column > indent && column + 1 + n > 80) {
            (void)fprintf(out, "\n%*s", (int)indent, "");
            column = indent;
        }
        (void)fprintf(out, "%s%.*s", column > indent ? " " : "", (int)n, text);
        column += n + (column > indent);
        text += n;
        text += strspn(text, " ");
    }
    (void)fputc('\n', out);
}

void options_print_help(FILE *out)
{
    options_print_usage(out);
    (void)fputs("\nOptions end at the first word that is none.\n\n", out);
    for (int key = 0; key < OPTION_COUNT; key++) {
        const struct option_row *row = &options_table[key];
        char left[64];
        int n = snprintf(left, sizeof(left), "  %c%c%s--%s%s%s", row->letter ? '-' : ' ',
                         row->letter ? row->letter : ' ', row->letter ? ", " : "  ", row->name,
                         row->argument ? " " : "", row->argument ? row->argument : "");

        (void)fputs(left, out);
        print_wrapped(out, row->help, 30, (size_t)n);
    }
    (void)fputs("\nExit status: the program's own (a signal is raised again); 125 concadvise\n"
                "failed, 126 the command is not executable, 127 not found. Sub-commands: 0;\n"
                "1 a finding over the gate; 2 wrong use or bad file. A program that had to be\n"
                "stopped after --duration counts as 0, and so does one measured with --pid.\n",
                out);
}
