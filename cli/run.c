/* SPDX-License-Identifier: BSD-2-Clause */
/* run: the whole path: measure, replay, save, judge, report, end as the target ended. */
#include <signal.h>

#include "analyzer/advice.h"
#include "analyzer/analyze.h"
#include "analyzer/replay/replay.h"
#include "analyzer/tree.h"
#include "base/base.h"
#include "cli/commands.h"
#include "cli/deliver.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "cli/say.h"
#include "cli/status.h"
#include "probe/measurement.h"
#include "probe/measurement_json.h"
#include "probe/probe.h"

#define MESSAGE 1024

static void free_tree(struct tree **tree)
{
    tree_free(*tree);
}

/* JSON on stdout must be all of stdout. */
static bool json_takes_stdout(const struct options *options)
{
    for (size_t i = 0; i < options->n_outputs; i++)
        if (options->outputs[i].format == REPORT_JSON && strcmp(options->outputs[i].path, "-") == 0)
            return true;
    return options->n_outputs == 0 && options->format == REPORT_JSON;
}

/* @return 0, or the exit status */
static int measure(const struct options *options, struct progress *progress, struct measurement **ret_m)
{
    struct probe_options probe = {
        .kind = options->probe,
        .argv = options->operands,
        .user = options->user,
        .target_stdout_to_stderr = json_takes_stdout(options),
        .duration_ns = options->duration_ns,
        .sites = true,
        .progress = progress->enabled ? progress_measuring : NULL,
        .userdata = progress,
    };
    char message[MESSAGE] = "";
    int r = probe_run(&probe, ret_m, message, sizeof(message));

    progress_clear(progress);
    if (r == PROBE_MEASURED)
        return 0;
    if (message[0])
        say("%s", message);
    else
        say("%s could not be measured: %s.", options->operands[0], r < 0 ? strerror(-r) : "the probe gave no reason");
    if (r == PROBE_NOT_FOUND)
        return 127;
    return r == PROBE_NOT_EXECUTABLE ? 126 : STATUS_FAILED;
}

static volatile sig_atomic_t interrupted;

static void note_interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

/*
 * Ctrl-C during the replays ends the replayers (they are in the foreground group, too), not the report: the first one
 * is only noted; SA_RESETHAND lets a second one quit. A replayer that dies early must not end us by SIGPIPE.
 */
static void replay_evidence(const struct options *options, struct progress *progress, struct measurement *m)
{
    struct sigaction once = {.sa_handler = note_interrupt, .sa_flags = (int)SA_RESETHAND}, before;
    struct replay_options replay = {
        .budget_ns = options->evidence_ns,
        .cpus = options->cpus,
        .progress = progress->enabled ? progress_replaying : NULL,
        .userdata = progress,
    };
    char message[MESSAGE] = "";
    int r;

    (void)sigaction(SIGINT, &once, &before);
    r = replay_run(m, &replay, message, sizeof(message));
    (void)sigaction(SIGINT, &before, NULL);
    progress_clear(progress);
    if (interrupted && !options->quiet)
        say("interrupted: the evidence is incomplete.");
    else if (r < 0 && r != -ENODATA && !options->quiet)
        say("nothing was replayed, the report is a forecast: %s.", message[0] ? message : strerror(-r));
}

/*
 * Without a verdict there is nothing to prove: a run that was too short, or idle, does not take three seconds more.
 * What goes wrong here goes wrong again in judge(), which says so.
 */
static bool wants_evidence(const struct options *options, const struct measurement *m, const struct tree *tree)
{
    const struct analyze_options how = {.tree = tree, .cpus = options->cpus};
    CLEANUP(advice_freep) struct advice *a = NULL;

    return options->evidence && analyze(m, &how, &a) == 0 && a->recommendation.model != MODEL_NONE;
}

static int save(const struct options *options, const struct measurement *m)
{
    const char *field;
    int r = options->save ? measurement_save(m, options->save, &field) : 0;

    if (r == -ERANGE)
        say("can't write %s: the number measured as '%s' is impossible. Please report this.", options->save, field);
    else if (r < 0)
        say_write_failed(options->save, r);
    return r;
}

/* Judge and report. @return 0, 1: a finding over the gate, or -errno (said) */
static int judge(const struct options *options, const struct measurement *m, const struct tree *tree)
{
    CLEANUP(advice_freep) struct advice *a = NULL;
    int r = deliver_analyze(options, m, tree, &a);

    if (r == 0)
        r = deliver_reports(options, m, a, STDERR_FILENO);
    return r == 0 && deliver_gate(options, a) ? 1 : r;
}

int command_run(const struct options *options)
{
    static const char not_started[] = "The program was not started.";
    CLEANUP(measurement_freep) struct measurement *m = NULL;
    CLEANUP(free_tree) struct tree *tree = NULL;
    struct progress progress;
    struct status status;
    int r, saved, judged;

    if (deliver_load_tree(options, not_started, &tree) < 0 || deliver_check_places(options, not_started) < 0)
        return STATUS_FAILED;
    progress_init(&progress, options->quiet);
    r = measure(options, &progress, &m);
    if (r)
        return r;

    /* Only now: the target must have found SIGPIPE as it was. */
    (void)signal(SIGPIPE, SIG_IGN);
    if (wants_evidence(options, m, tree))
        replay_evidence(options, &progress, m);
    saved = save(options, m);
    judged = judge(options, m, tree);

    /* What the target has to say about itself comes before what we have. */
    status = status_of_target(m, options->duration_ns);
    if (status_is_success(&status) && (saved < 0 || judged < 0))
        status.code = STATUS_FAILED;
    else if (status_is_success(&status) && judged > 0)
        status.code = options->error_exitcode;
    return status_end(&status);
}
