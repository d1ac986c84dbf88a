/* SPDX-License-Identifier: BSD-2-Clause */
/* export: a saved measurement in the format of another tool, without privilege. */
#include "analyzer/advice.h"
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

/* @return 0 or -errno (said) */
static int put(const struct options *options, const char *bytes, size_t n)
{
    const char *path = options->n_outputs > 0 ? options->outputs[0].path : "-";
    int r;

    if (strcmp(path, "-") == 0)
        return deliver_text(bytes, n);
    r = output_put_file(path, bytes, n);
    if (r < 0)
        say_write_failed(path, r);
    return r;
}

static int render(enum report_export to, const struct measurement *m, const struct advice *a, char **ret_bytes,
                  size_t *ret_n)
{
    FILE *out = open_memstream(ret_bytes, ret_n);
    int r = out ? report_export(out, to, m, a) : -errno;

    if (out && fclose(out) != 0 && r == 0)
        r = -ENOMEM;
    return r;
}

int command_export(const struct options *options)
{
    CLEANUP(measurement_freep) struct measurement *m = NULL;
    CLEANUP(free_tree) struct tree *tree = NULL;
    CLEANUP(advice_freep) struct advice *a = NULL;
    AUTO_FREE char *bytes = NULL;
    size_t n = 0;
    int r;

    output_let_writes_fail();
    if (options->export_to == REPORT_EXPORT_PPROF && options->n_outputs == 0 && isatty(STDOUT_FILENO)) {
        say("pprof's format is not for a terminal: add -o profile.pb.gz. Nothing was written.");
        return STATUS_USAGE;
    }
    if (load_measurement(options->operands[0], &m) < 0 || deliver_load_tree(options, "Nothing was written.", &tree) < 0)
        return STATUS_USAGE;
    if (deliver_analyze(options, m, tree, &a) < 0)
        return STATUS_USAGE;
    r = render(options->export_to, m, a, &bytes, &n);
    if (r < 0)
        say("%s could not be exported: %s.", options->operands[0], strerror(-r));
    return r == 0 && put(options, bytes, n) == 0 ? 0 : STATUS_USAGE;
}
