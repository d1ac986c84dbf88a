/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * replay_protocol: requests as JSON, answers checked (docs/replayer-protocol.md).
 *
 * Knows the documents. Believes nothing that a replayer says before it has been looked at.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/replay/replay_child.h"
#include "analyzer/replay/replay_plan.h"

/* What one operation of each kind takes here. */
struct replay_costs {
    uint64_t process_start_ns;
    uint64_t thread_start_ns;
    uint64_t ipc_item_ns;
    /* 0 where the replayer did not say: */
    uint64_t ipc_byte_ps;           /* picoseconds that each byte of an item adds */
    uint64_t loop_turn_ns;          /* CPU of an event loop around one wait */
    uint64_t thread_switch_ns;      /* CPU of a thread around one wait */
    uint64_t setup_ns[MODEL_COUNT]; /* once per program: a model's modules imported, its workers ended */
    double slowdown;                /* CPU time of the same work with every CPU busy / with one busy */
};

/* What a replayer is told before it measures. */
struct replay_conditions {
    uint32_t parallel;      /* CPUs that the measured program kept busy at once; >= 1 */
    uint32_t cpus;          /* CPUs that replays are planned for; >= 1 */
    uint64_t private_bytes; /* memory of a process of the target that is its own; 0: not known */
};

/*
 * Each sends a request (the greeting is only received) and waits for the answer.
 *
 * @param message  what the replayer said, when not 0; untouched on success
 * @return 0, -ETIME (deadline), -ECHILD (it failed, ended, or does not keep to the protocol), -ENOMEM
 */
/* @param ret_keeps  processes are started once for all runs of a plan, not by each; what that took is in all figures */
int replay_protocol_greeting(struct replay_child *child, bool *ret_keeps, char *message, size_t size);
int replay_protocol_calibrate(struct replay_child *child, const struct replay_conditions *conditions,
                              struct replay_costs *ret_costs, char *message, size_t size);
int replay_protocol_plan(struct replay_child *child, size_t id, const struct replay_plan *plan, char *message,
                         size_t size);
int replay_protocol_run(struct replay_child *child, size_t id, bool empty, struct replay_times *ret_times,
                        char *message, size_t size);
