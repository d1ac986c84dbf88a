/* SPDX-License-Identifier: BSD-2-Clause */
/* run: the whole path: measure, replay, save, judge, report, end as the target ended. */
#include <signal.h>

#include "analyzer/advice.h"
#include "analyzer/analyze.h"
#include "analyzer/tree.h"
#include "base/base.h"
#include "cli/commands.h"
#include "cli/deliver.h"
#include "cli/evidence.h"
#include "cli/gate.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/runs.h"
#include "cli/say.h"
#include "cli/status.h"
#include "probe/measurement.h"
#include "probe/probe.h"

#define MESSAGE 1024

static void free_tree(struct tree **tree)
{
    tree_free(*tree);
}

/* Without replays the report is a forecast: say why. */
static void replay_evidence(const struct options *options, struct progress *progress, struct measurement *m)
{
    char message[MESSAGE] = "";
    int r = evidence_replay(options, progress, m, message, sizeof(message));

    if (r < 0 && r != -ENODATA && r != -EINTR && !options->quiet)
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

/* Judge and report. @return 0, 1: a finding over the gate, or -errno (said) */
static int judge(const struct gate *gate, const struct measurement *m, const struct tree *tree)
{
    const struct options *options = gate->options;
    CLEANUP(advice_freep) struct advice *a = NULL;
    int r = deliver_analyze(options, m, tree, &a);

    if (r == 0)
        r = deliver_reports(options, m, a, tree, STDERR_FILENO);
    return r == 0 && gate_fails(gate, m, a) ? 1 : r;
}

int command_run(const struct options *options)
{
    static const char not_started[] = "The program was not started.";
    CLEANUP(measurement_freep) struct measurement *m = NULL;
    CLEANUP(free_tree) struct tree *tree = NULL;
    CLEANUP(gate_clear) struct gate gate = {0};
    char message[MESSAGE] = "";
    struct progress progress;
    struct status status;
    int r, saved, judged;

    /* First of all, and for all that follows. */
    if (options->pid)
        r = probe_become_owner((pid_t)options->pid, NULL, message, sizeof(message));
    else
        r = probe_become_user(options->user, NULL, options->runs, message, sizeof(message));
    if (r < 0) {
        say("%s", message);
        return STATUS_FAILED;
    }
    if (deliver_load_tree(options, not_started, &tree) < 0 || deliver_check_places(options, not_started) < 0)
        return STATUS_FAILED;
    if (gate_open(&gate, options, tree) < 0) {
        say("%s", not_started);
        return STATUS_FAILED;
    }
    progress_init(&progress, options);
    r = runs_measure(options, &progress, &m, &status);
    if (r)
        return r;

    /* Only now: the target must have found its signals as they were. */
    output_let_writes_fail();
    (void)signal(SIGCHLD, SIG_DFL);
    if (wants_evidence(options, m, tree))
        replay_evidence(options, &progress, m);
    saved = deliver_save(options, m);
    judged = judge(&gate, m, tree);

    /* What the target has to say about itself comes before what we have. */
    if (status_is_success(&status) && (saved < 0 || judged < 0))
        status.code = STATUS_FAILED;
    else if (status_is_success(&status) && judged > 0)
        status.code = options->error_exitcode;
    return status_end(&status);
}
