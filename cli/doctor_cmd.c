/* SPDX-License-Identifier: BSD-2-Clause */
/* doctor: what this machine can measure, and what is missing. */
#include "base/base.h"
#include "cli/commands.h"
#include "cli/deliver.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/say.h"
#include "probe/probe.h"

#define MAX_CHECKS 32
#define LABEL_COLUMNS 28

static void print_check(FILE *out, const struct probe_check *check)
{
    const char *state = check->ok ? "ok" : check->needed_for_bpf ? "MISSING" : "-";

    (void)fprintf(out, "%-8s %-*s ", state, LABEL_COLUMNS, check->name);
    report_escaped(out, check->detail, output_utf8());
    (void)fputc('\n', out);
}

/* @return what is missing for the BPF probe */
static size_t print_checks(FILE *out)
{
    struct probe_check checks[MAX_CHECKS];
    size_t n = probe_doctor(NULL, checks, MAX_CHECKS);
    size_t missing = 0;

    for (size_t i = 0; i < n; i++) {
        print_check(out, &checks[i]);
        missing += !checks[i].ok && checks[i].needed_for_bpf;
    }
    if (missing == 0)
        (void)fputs("\nThis machine can measure everything: concadvise -- ./myprog\n", out);
    else
        (void)fprintf(
            out,
            "\n%zu thing%s missing for the BPF probe: see above. Until then concadvise -- ./myprog measures from "
            "/proc, with\nfewer causes told apart (--probe=procfs). Reports of saved measurements need neither.\n",
            missing, missing == 1 ? " is" : "s are");
    return missing;
}

int command_doctor(const struct options *options)
{
    AUTO_FREE char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    size_t missing;

    (void)options;
    if (!out) {
        say("out of memory.");
        return STATUS_USAGE;
    }
    output_let_writes_fail();
    missing = print_checks(out);
    if (fclose(out) != 0 || deliver_text(text, size) < 0)
        return STATUS_USAGE;
    return missing == 0 ? 0 : 1;
}
