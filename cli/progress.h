/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * progress: one status line on a terminal while something takes its time.
 *
 * Off a terminal, or with -q, it does nothing. The line is rewritten in place and erased at the end, so that nothing
 * of it stays between the target's output and the report.
 */

#include <stdbool.h>

struct probe_progress;

struct progress {
    bool enabled;
    bool shown;    /* a line stands on the terminal */
    unsigned run;  /* of -r N, from 1 on */
    unsigned runs; /* N; up to 1: not shown */
};

void progress_init(struct progress *p, bool quiet);

/* Callbacks for probe_options and replay_options; `userdata` is the struct progress. */
void progress_measuring(const struct probe_progress *now, void *userdata);
void progress_replaying(const char *label, void *userdata);

void progress_clear(struct progress *p);
