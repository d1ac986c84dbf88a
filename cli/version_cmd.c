/* SPDX-License-Identifier: BSD-2-Clause */
/* -V: the version, and what this build can do and with which libraries. */
#include "base/base.h"
#include "cli/commands.h"
#include "cli/deliver.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/say.h"
#include "probe/probe.h"
#include "report/report.h"

#define MAX_LIBRARIES 8

static void print_item(FILE *out, size_t i, const char *name)
{
    (void)fprintf(out, "%s%s", i > 0 ? ", " : "", name);
}

static void print_features(FILE *out)
{
    struct probe_library libraries[MAX_LIBRARIES];
    size_t n = probe_libraries(NULL, libraries, MAX_LIBRARIES);
    char stacks[256];

    probe_stacks(stacks, sizeof(stacks));
    (void)fputs("probes     ", out);
    for (int kind = PROBE_BPF; options_probe_name((enum probe_kind)kind); kind++)
        print_item(out, (size_t)(kind - PROBE_BPF), options_probe_name((enum probe_kind)kind));
    (void)fprintf(out, "\nstacks     %s\nreports    ", stacks);
    for (int format = 0; report_format_to_str((enum report_format)format); format++)
        print_item(out, (size_t)format, report_format_to_str((enum report_format)format));
    (void)fputs("\nexports    ", out);
    for (int to = 0; to < REPORT_EXPORT_COUNT; to++)
        print_item(out, (size_t)to, report_export_to_str((enum report_export)to));
    (void)fputs("\nlibraries  ", out);
    for (size_t i = 0; i < n; i++) {
        print_item(out, i, libraries[i].name);
        (void)fprintf(out, " %s", libraries[i].version[0] ? libraries[i].version : "(not found: no helper)");
    }
    (void)fputc('\n', out);
}

int command_version(const struct options *options)
{
    AUTO_FREE char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    (void)options;
    if (!out) {
        say("out of memory.");
        return STATUS_USAGE;
    }
    output_let_writes_fail();
    (void)fprintf(out, "concadvise %s\n", CONCADVISE_VERSION);
    print_features(out);
    if (fclose(out) != 0 || deliver_text(text, size) < 0)
        return STATUS_USAGE;
    return 0;
}
