/* SPDX-License-Identifier: BSD-2-Clause */
/* report: the advice of a saved measurement, without privilege; the same as the live run's. */
#include <signal.h>

#include "analyzer/advice.h"
#include "analyzer/tree.h"
#include "base/base.h"
#include "cli/commands.h"
#include "cli/deliver.h"
#include "cli/options.h"
#include "cli/say.h"
#include "probe/measurement.h"
#include "probe/measurement_json.h"

static void free_tree(struct tree **tree)
{
    tree_free(*tree);
}

static int load(const char *path, struct measurement **ret_m)
{
    char message[1024] = "";
    int r = measurement_load(path, ret_m, message, sizeof(message));

    if (r == -EPROTONOSUPPORT)
        say("%s was saved by a later version: %s. Use that version to read it.", path,
            message[0] ? message : strerror(-r));
    else if (r == -EBADMSG)
        say("%s is no saved measurement, or is damaged: %s. concadvise --save FILE makes one.", path, message);
    else if (r < 0)
        say("can't read %s: %s.", path, message[0] ? message : strerror(-r));
    return r;
}

int command_report(const struct options *options)
{
    CLEANUP(measurement_freep) struct measurement *m = NULL;
    CLEANUP(free_tree) struct tree *tree = NULL;
    CLEANUP(advice_freep) struct advice *a = NULL;

    (void)signal(SIGPIPE, SIG_IGN);
    if (load(options->operands[0], &m) < 0 || deliver_load_tree(options, "Nothing was written.", &tree) < 0)
        return STATUS_USAGE;
    if (deliver_analyze(options, m, tree, &a) < 0 || deliver_reports(options, m, a, STDOUT_FILENO) < 0)
        return STATUS_USAGE;
    return deliver_gate(options, a) ? options->error_exitcode : 0;
}
