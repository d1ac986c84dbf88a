/* SPDX-License-Identifier: BSD-2-Clause */
/* report: the advice of a saved measurement, without privilege; the same as the live run's. */
#include "analyzer/advice.h"
#include "analyzer/tree.h"
#include "base/base.h"
#include "cli/commands.h"
#include "cli/deliver.h"
#include "cli/load.h"
#include "cli/options.h"
#include "cli/output.h"
#include "probe/measurement.h"

static void free_tree(struct tree **tree)
{
    tree_free(*tree);
}

int command_report(const struct options *options)
{
    CLEANUP(measurement_freep) struct measurement *m = NULL;
    CLEANUP(free_tree) struct tree *tree = NULL;
    CLEANUP(advice_freep) struct advice *a = NULL;

    output_let_writes_fail();
    if (load_measurement(options->operands[0], &m) < 0 || deliver_load_tree(options, "Nothing was written.", &tree) < 0)
        return STATUS_USAGE;
    if (deliver_analyze(options, m, tree, &a) < 0 || deliver_reports(options, m, a, STDOUT_FILENO) < 0)
        return STATUS_USAGE;
    return deliver_gate(options, a) ? options->error_exitcode : 0;
}
