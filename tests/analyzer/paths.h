/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * paths: critical paths of synthetic measurements, for the tests of what is on them and how it is said.
 */

#include "analyzer/advice.h"
#include "synthetic.h"

#define MAIN 100

/* A measurement on four CPUs whose target's first thread has the tid MAIN; no thread yet. */
struct measurement *paths_new(void);

/* The last slice of a thread was ended by its waker when that one had used so much CPU time. */
void paths_woken_at(struct measurement *m, size_t thread, uint64_t waker_on_cpu_ns);

/* The thread was ready for so long within its last slice, or after it. */
void paths_ready_for(struct measurement *m, size_t thread, uint64_t ns);

/* The critical path; what holds for each is asserted: its parts add up to the wall time, all is ranked. */
struct critical_path paths_of(const struct measurement *m);

/* Time of a thread, or of the group it stands for, in a state; `cause` counts for PATH_BLOCKED only. */
uint64_t paths_part(const struct critical_path *path, int32_t tid, enum path_state state, enum cause cause);
uint64_t paths_on_cpu(const struct critical_path *path, int32_t tid);

void paths_done(struct measurement *m, struct critical_path *path); /* frees both */
