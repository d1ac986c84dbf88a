/* SPDX-License-Identifier: BSD-2-Clause */
/* replay: the evidence step again on a saved measurement, with the replayers of this machine; no probe, no privilege.
 */
#include "analyzer/advice.h"
#include "analyzer/tree.h"
#include "base/base.h"
#include "cli/commands.h"
#include "cli/deliver.h"
#include "cli/evidence.h"
#include "cli/gate.h"
#include "cli/load.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/say.h"
#include "probe/measurement.h"

static void free_tree(struct tree **tree)
{
    tree_free(*tree);
}

/* What stands in the way, and what can be done about it. */
static int say_failed(const struct measurement *m, int error, const char *message)
{
    const char *todo = "";
    bool python = m->target.runtime.kind == RUNTIME_CPYTHON;

    if (error == -EINTR)
        return STATUS_USAGE;
    if (error == -ENOENT && python)
        todo = " The replays of a Python program need the interpreter that the file names: install it, or replay where "
               "the program was measured.";
    else if (error == -ETIME)
        todo = " Give it more with --evidence-time.";
    say("%s.%s Nothing was written.", message[0] ? message : strerror(-error), todo);
    return STATUS_USAGE;
}

int command_replay(const struct options *options)
{
    CLEANUP(measurement_freep) struct measurement *m = NULL;
    CLEANUP(free_tree) struct tree *tree = NULL;
    CLEANUP(gate_clear) struct gate gate = {0};
    CLEANUP(advice_freep) struct advice *a = NULL;
    struct progress progress;
    char message[1024] = "";
    int r;

    output_let_writes_fail();
    if (load_measurement(options->operands[0], &m) < 0 ||
        deliver_load_tree(options, "Nothing was replayed.", &tree) < 0 ||
        deliver_check_places(options, "Nothing was replayed.") < 0 || gate_open(&gate, options, tree) < 0)
        return STATUS_USAGE;
    progress_init(&progress, options);
    r = evidence_replay(options, &progress, m, message, sizeof(message));
    /* A run in which nothing could be arranged differently still has a report. */
    if (r == -ENODATA && !options->quiet)
        say("%s.", message[0] ? message : "nothing to replay");
    else if (r < 0 && r != -ENODATA)
        return say_failed(m, r, message);
    if (deliver_save(options, m) < 0 || deliver_analyze(options, m, tree, &a) < 0 ||
        deliver_reports(options, m, a, tree, STDOUT_FILENO) < 0)
        return STATUS_USAGE;
    return gate_fails(&gate, m, a) ? options->error_exitcode : 0;
}
