/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * replay: executes a profile for real under each model, interleaved, within a time budget, and appends the results to
 * the measurement.
 *
 * Knows the replayers (separate programs: one JSON document a line in on stdin, one out on stdout;
 * docs/replayer-protocol.md) and which one fits a runtime. Refuses to know the tree. Replayers run as the invoking
 * user, never with privileges.
 */

#include <stddef.h>
#include <stdint.h>

struct measurement;

struct replay_options {
    uint64_t budget_ns; /* for everything together; 3 s by default */
    uint32_t cpus;      /* workers are planned for this many CPUs; 0: what the target may use */
    uint32_t runs;      /* per model; 0: as many as the budget allows, at least 3, at most 10 */
    const char
        *replayer_dir; /* where native replayer and cpython.py are; NULL: beside the executable, then libexecdir */
    /* Called before each run with a static label such as "threads 3/10"; NULL: none. */
    void (*progress)(const char *label, void *userdata);
    void *userdata;
};

/*
 * Set m->replays (in place of those of an earlier replay) and the replay_* costs. One result per model, in the order of
 * enum model, then one with `current` set. `workers` are those that simulate_best_workers() chose with the costs of
 * this machine, for the program as it is now those recorded. Models that the forecast sees far behind get fewer runs;
 * models whose workers alone take longer to start than the budget allows are left out. Takes at most 1.2 times the
 * budget: then the replayer is killed, and complete rounds count.
 *
 * @param message  why there is no replay, when not 0
 * @return 0, -ENODATA (nothing to replay), -ENOMEM, -ETIME (budget too small for even one run per model), -ECHILD
 *         (a replayer failed), -ENOENT (no replayer for this runtime)
 */
int replay_run(struct measurement *m, const struct replay_options *options, char *message, size_t size);
