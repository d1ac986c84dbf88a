/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/progress.h"

#include "base/base.h"
#include "cli/output.h"
#include "probe/probe.h"
#include "report/report.h"

#define DURATION_TEXT 40

void progress_init(struct progress *p, bool quiet)
{
    const char *term = getenv("TERM");

    *p = (struct progress){.enabled = !quiet && isatty(STDERR_FILENO) && !(term && strcmp(term, "dumb") == 0)};
}

/* Cut to the terminal's width: a line that wraps could not be erased. */
static void show(struct progress *p, const char *line)
{
    unsigned width = output_width(STDERR_FILENO);

    (void)fprintf(stderr, "\r%.*s\033[K", width > 1 ? (int)width - 1 : 0, line);
    (void)fflush(stderr);
    p->shown = true;
}

void progress_measuring(const struct probe_progress *now, void *userdata)
{
    struct progress *p = userdata;
    char elapsed[DURATION_TEXT], on_cpu[DURATION_TEXT], blocked[DURATION_TEXT];
    char line[256], which[40] = "";

    if (!p->enabled)
        return;
    if (p->runs > 1)
        (void)snprintf(which, sizeof(which), "run %u/%u | ", p->run, p->runs);
    report_duration(now->elapsed_ns, elapsed, sizeof(elapsed));
    report_duration(now->on_cpu_ns, on_cpu, sizeof(on_cpu));
    report_duration(now->blocked_ns, blocked, sizeof(blocked));
    (void)snprintf(line, sizeof(line), "concadvise: %s%s | %u thread%s | on-CPU %s | blocked %s", which, elapsed,
                   now->live_threads, now->live_threads == 1 ? "" : "s", on_cpu, blocked);
    show(p, line);
}

void progress_replaying(const char *label, void *userdata)
{
    struct progress *p = userdata;
    char line[256];

    if (!p->enabled)
        return;
    (void)snprintf(line, sizeof(line), "concadvise: replaying the work: %s", label);
    show(p, line);
}

void progress_clear(struct progress *p)
{
    if (p->shown)
        (void)fputs("\r\033[K", stderr);
    (void)fflush(stderr);
    p->shown = false;
}
