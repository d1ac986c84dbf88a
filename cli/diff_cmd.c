/* SPDX-License-Identifier: BSD-2-Clause */
/* diff: what changed between two runs, from saved measurements or JSON reports, without privilege. */
#include "analyzer/advice.h"
#include "analyzer/compare/compare.h"
#include "analyzer/tree.h"
#include "base/base.h"
#include "cli/commands.h"
#include "cli/deliver.h"
#include "cli/load.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/say.h"
#include "probe/measurement.h"
#include "report/report.h"

static void free_tree(struct tree **tree)
{
    tree_free(*tree);
}

int command_diff(const struct options *options)
{
    CLEANUP(load_judged_clear) struct load_judged before = {0};
    CLEANUP(load_judged_clear) struct load_judged after = {0};
    CLEANUP(free_tree) struct tree *tree = NULL;
    CLEANUP(comparison_clear) struct comparison comparison = {0};
    struct compare_side sides[COMPARE_SIDES];
    struct report_diff diff = {.sides = sides, .comparison = &comparison};
    int r;

    output_let_writes_fail();
    if (deliver_load_tree(options, "Nothing was written.", &tree) < 0 ||
        deliver_check_places(options, "Nothing was written.") < 0 ||
        load_judged(options, options->operands[COMPARE_BEFORE], tree, &before) < 0 ||
        load_judged(options, options->operands[COMPARE_AFTER], tree, &after) < 0)
        return STATUS_USAGE;
    sides[COMPARE_BEFORE] = (struct compare_side){before.m, before.a};
    sides[COMPARE_AFTER] = (struct compare_side){after.m, after.a};
    r = compare(&sides[COMPARE_BEFORE], &sides[COMPARE_AFTER], &comparison);
    if (r < 0) {
        say("can't compare: %s.", r == -EINVAL ? "one of the runs took no time at all" : strerror(-r));
        return STATUS_USAGE;
    }
    for (int side = 0; side < COMPARE_SIDES; side++)
        diff.names[side] = options->operands[side];
    return deliver_diff(options, &diff) < 0 ? STATUS_USAGE : 0;
}
