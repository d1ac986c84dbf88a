/* SPDX-License-Identifier: BSD-2-Clause */
/* explain: a finding, or the decision tree, offline. */
#include "analyzer/findings/findings.h"
#include "analyzer/tree.h"
#include "base/base.h"
#include "cli/commands.h"
#include "cli/deliver.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/say.h"

static void list_findings(void)
{
    const int *ids = NULL;
    size_t n = finding_ids(&ids);

    for (size_t i = 0; i < n; i++)
        (void)fprintf(stderr, "%sCA%04d", i % 12 == 0 ? "\n  " : " ", ids[i]);
    (void)fputc('\n', stderr);
}

/* The built-in tree, or that of --tree. @return 0 or -errno; a bad tree is said */
static int draw_tree(const struct options *options, FILE *out, unsigned width)
{
    struct tree *tree = NULL;
    int r = deliver_load_tree(options, "Nothing was drawn.", &tree);

    if (r == 0)
        r = report_explain_tree(out, tree ? tree : tree_builtin(), width);
    tree_free(tree);
    return r;
}

static int no_such_finding(const char *what)
{
    say("there is no finding %s. `concadvise explain tree` draws the decision tree, `explain findings` lists these:",
        what);
    list_findings();
    return STATUS_USAGE;
}

int command_explain(const struct options *options)
{
    const char *what = options->operands[0];
    unsigned width = output_width(STDOUT_FILENO);
    AUTO_FREE char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    int r;

    if (!out) {
        say("out of memory.");
        return STATUS_USAGE;
    }
    output_let_writes_fail();
    if (strcmp(what, "tree") == 0)
        r = draw_tree(options, out, width);
    else if (strcmp(what, "findings") == 0)
        r = report_explain_list(out, width);
    else
        r = report_explain_finding(out, finding_from_str(what), width);
    if (fclose(out) != 0 && r == 0)
        r = -ENOMEM;
    if (r == -ENOENT && strcmp(what, "tree") != 0)
        return no_such_finding(what);
    return r == 0 && deliver_text(text, size) == 0 ? 0 : STATUS_USAGE;
}
