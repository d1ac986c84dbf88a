/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * progress: a status line on a terminal while something takes its time.
 *
 * Off a terminal, or with -q, it does nothing. The line is rewritten in place and erased at the end, so that nothing
 * of it stays between the target's output and the report. With --live it is a small table (footer.h) while measuring.
 */

#include <stdbool.h>

#include "cli/footer.h"

struct live_view;
struct options;
struct probe_progress;

struct progress {
    bool enabled;
    bool live; /* the table instead of the line, while measuring */
    bool color;
    struct footer footer;
    bool shown;    /* a line stands on the terminal */
    unsigned run;  /* of -r N, from 1 on */
    unsigned runs; /* N; up to 1: not shown */
};

void progress_init(struct progress *p, const struct options *options);

/* Callbacks for probe_options and replay_options; `userdata` is the struct progress. */
void progress_measuring(const struct probe_progress *now, void *userdata);
void progress_live(const struct live_view *view, void *userdata);
void progress_replaying(const char *label, void *userdata);

void progress_clear(struct progress *p);
