/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/progress.h"

#include "base/base.h"
#include "cli/output.h"
#include "cli/say.h"
#include "probe/probe.h"
#include "report/report.h"

#define DURATION_TEXT 40

void progress_init(struct progress *p, const struct options *options)
{
    const char *term = getenv("TERM");

    *p = (struct progress){.enabled = !options->quiet && isatty(STDERR_FILENO) && !(term && strcmp(term, "dumb") == 0)};
    p->live = p->enabled && options->live && footer_is_possible(STDERR_FILENO);
    p->color = output_color(STDERR_FILENO, options->color);
    footer_init(&p->footer, STDERR_FILENO);
    if (options->live && !p->live && options->verbose && !options->quiet)
        say("--live: no table, stderr is no terminal that could show one.");
}

/* "run 2/5 | " */
static void which_run(const struct progress *p, char *text, size_t size)
{
    text[0] = '\0';
    if (p->runs > 1)
        (void)snprintf(text, size, "run %u/%u | ", p->run, p->runs);
}

/* Cut to the terminal's width: a line that wraps could not be erased. */
static void show(struct progress *p, const char *line)
{
    unsigned width = output_width(STDERR_FILENO);

    if (!output_terminal_is_ready(STDERR_FILENO))
        return;
    (void)fprintf(stderr, "\r%.*s\033[K", width > 1 ? (int)width - 1 : 0, line);
    (void)fflush(stderr);
    p->shown = true;
}

void progress_measuring(const struct probe_progress *now, void *userdata)
{
    struct progress *p = userdata;
    char elapsed[DURATION_TEXT], on_cpu[DURATION_TEXT], blocked[DURATION_TEXT];
    char line[256], which[40];

    if (!p->enabled)
        return;
    which_run(p, which, sizeof(which));
    report_duration(now->elapsed_ns, elapsed, sizeof(elapsed));
    report_duration(now->on_cpu_ns, on_cpu, sizeof(on_cpu));
    report_duration(now->blocked_ns, blocked, sizeof(blocked));
    (void)snprintf(line, sizeof(line), "concadvise: %s%s | %u thread%s | on-CPU %s | blocked %s", which, elapsed,
                   now->live_threads, now->live_threads == 1 ? "" : "s", on_cpu, blocked);
    show(p, line);
}

void progress_live(const struct live_view *view, void *userdata)
{
    struct progress *p = userdata;
    struct report_options how = {.color = p->color, .utf8 = output_utf8()};
    AUTO_FREE char *lines = NULL;
    size_t length = 0;
    char which[40];
    FILE *out;
    int r;

    if (!footer_room(&p->footer, &how.width))
        return;
    which_run(p, which, sizeof(which));
    out = open_memstream(&lines, &length);
    if (!out)
        return;
    r = report_live(out, view, which, &how);
    if (fclose(out) == 0 && r == 0)
        footer_draw(&p->footer, lines);
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
    if (p->live)
        footer_clear(&p->footer);
    if (p->shown)
        (void)fputs("\r\033[K", stderr);
    (void)fflush(stderr);
    p->shown = false;
}
