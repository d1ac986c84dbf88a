/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * concadvise: measures where every nanosecond of a program's threads went, and recommends a concurrency model.
 *
 * The table of contents of the program, in the order a run goes through it:
 *
 *   command line    cli/options.c options_table.c       what is asked for
 *   run             cli/run.c                           the whole path, and the exit status (cli/status.c)
 *     measure       cli/runs.c, probe/probe.h           launch, follow and read out -> probe/measurement.h; -r N
 *                   cli/probe_limits.c                  less room for it: what a loss looks like
 *     replay        cli/evidence.c, replay/replay.h     the measured work under each model, for real
 *     save          probe/measurement_json.h            --save FILE
 *     judge         analyzer/analyze.h                  metrics, tree.json, findings, forecast -> analyzer/advice.h
 *     report        report/report.h                     text (text_*.c), JSON (json.c), prose (wording_*.c)
 *     deliver       cli/deliver.c output.c              each report into its place
 *     gate          cli/gate.c                          --fail-on, --baseline
 *   report FILE     cli/report_cmd.c                    the same from "judge" on, without privilege
 *   replay FILE     cli/replay_cmd.c                    the same with new replays
 *   diff            cli/diff_cmd.c                      two of them: analyzer/compare.h, report/diff*.c
 *   export FILE     cli/export_cmd.c                    the same for other tools (report/export/)
 *   explain         cli/explain_cmd.c                   a finding or the tree (report/explain.c)
 *   doctor          cli/doctor_cmd.c                    what this machine can measure
 *   -V              cli/version_cmd.c                   the version, and what this build can do
 *   while waiting   cli/progress.c footer.c             the status line, --live
 *   messages        cli/say.c                           what went wrong, and what to do
 */
#include <fcntl.h>
#include <locale.h>

#include "base/base.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/say.h"

/*
 * A closed standard descriptor would be taken by the next file opened, and messages would go into it. Fill the hole
 * with a descriptor that fails as the closed one would, and that the target does not inherit.
 */
static void fill_standard_descriptors(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            (void)open("/dev/null", (fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) | O_CLOEXEC);
}

static int dispatch(const struct options *options)
{
    switch (options->command) {
    case COMMAND_RUN:
        return command_run(options);
    case COMMAND_REPORT:
        return command_report(options);
    case COMMAND_DIFF:
        return command_diff(options);
    case COMMAND_REPLAY:
        return command_replay(options);
    case COMMAND_EXPLAIN:
        return command_explain(options);
    case COMMAND_DOCTOR:
        return command_doctor(options);
    case COMMAND_EXPORT:
        return command_export(options);
    case COMMAND_HELP:
        options_print_help(stdout);
        return 0;
    case COMMAND_VERSION:
        return command_version(options);
    }
    return STATUS_USAGE;
}

int main(int argc, char **argv)
{
    CLEANUP(options_clear) struct options options = {0};
    char message[OPTIONS_MESSAGE];
    int status;

    fill_standard_descriptors();
    /* Only to know whether the terminal speaks UTF-8: numbers stay in the C locale. */
    (void)setlocale(LC_CTYPE, "");
    if (argc < 2) {
        options_print_usage(stderr);
        return STATUS_USAGE;
    }
    status = options_parse(argc, argv, &options, message);
    if (status) {
        say("%s", message);
        return status;
    }
    return dispatch(&options);
}
