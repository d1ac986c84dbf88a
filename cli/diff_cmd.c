/* SPDX-License-Identifier: BSD-2-Clause */
/* diff: what changed between two runs, from saved measurements or JSON reports, without privilege. */
#include "analyzer/advice.h"
#include "analyzer/compare/compare.h"
#include "analyzer/tree.h"
#include "base/base.h"
#include "cli/commands.h"
#include "cli/deliver.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/say.h"
#include "probe/measurement.h"
#include "probe/measurement_json.h"
#include "report/report.h"

#define MESSAGE 1024

/* One of the two files. */
struct input {
    struct measurement *m;
    struct advice *a;
};

static void input_clear(struct input *input)
{
    measurement_free(input->m);
    advice_free(input->a);
}

static void free_tree(struct tree **tree)
{
    tree_free(*tree);
}

/* What was no saved measurement may be a report. @return 0 or -errno (said) */
static int load_report(const char *path, const char *why_no_measurement, struct input *input)
{
    char message[MESSAGE] = "";
    int r = report_read(path, &input->m, &input->a, message, sizeof(message));

    if (r == -ENOMSG)
        say("%s is neither a saved measurement (%s) nor a JSON report (%s). --save FILE makes the one, -o FILE.json "
            "the other.",
            path, why_no_measurement, message);
    else if (r == -EBADMSG)
        say("%s is a damaged JSON report: %s.", path, message);
    else if (r == -EPROTONOSUPPORT)
        say("%s was written by a later version: %s. Use that version to read it.", path, message);
    else if (r < 0)
        say("can't read %s: %s.", path, message);
    return r;
}

static int load(const struct options *options, const char *path, const struct tree *tree, struct input *input)
{
    char message[MESSAGE] = "";
    int r = measurement_load(path, &input->m, message, sizeof(message));

    if (r == 0)
        return deliver_analyze(options, input->m, tree, &input->a);
    if (r == -EBADMSG)
        return load_report(path, message, input);
    if (r == -EPROTONOSUPPORT)
        say("%s was saved by a later version: %s. Use that version to read it.", path, message);
    else
        say("can't read %s: %s.", path, message[0] ? message : strerror(-r));
    return r;
}

int command_diff(const struct options *options)
{
    CLEANUP(input_clear) struct input before = {0};
    CLEANUP(input_clear) struct input after = {0};
    CLEANUP(free_tree) struct tree *tree = NULL;
    CLEANUP(comparison_clear) struct comparison comparison = {0};
    struct compare_side sides[COMPARE_SIDES];
    struct report_diff diff = {.sides = sides, .comparison = &comparison};
    int r;

    output_let_writes_fail();
    if (deliver_load_tree(options, "Nothing was written.", &tree) < 0 ||
        deliver_check_places(options, "Nothing was written.") < 0 ||
        load(options, options->operands[COMPARE_BEFORE], tree, &before) < 0 ||
        load(options, options->operands[COMPARE_AFTER], tree, &after) < 0)
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
