/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * replayers: the programs that replay, for tests that speak to them directly.
 *
 * Include after cmocka.h: whatever a replayer does not do fails the test.
 */

#include "analyzer/replay/replay_child.h"
#include "analyzer/replay/replay_protocol.h"

#define MS NSEC_PER_MSEC
#define ITEMS 12

enum replayer { NATIVE, PYTHON, NODE, REPLAYERS };

extern const char *const replayer_names[REPLAYERS];

/* What the last request that failed said. */
extern char replayer_message[512];

/* Node.js is not everywhere: tests of its replayer need it in the environment, as the build found it. @return the last
 * of those that are here */
enum replayer replayer_last(void);

/* Start one, with 100 s to live. replay_child_end() it. */
void replayer_start(struct replay_child *child, enum replayer replayer);

/* Calibrate for so many busy CPUs of two. @return costs, each of them possible */
struct replay_costs replayer_calibrate(struct replay_child *child, uint32_t parallel);

/* Execute the plan once. */
struct replay_times replayer_run(struct replay_child *child, const struct replay_plan *plan, bool empty);

#define ARRANGEMENTS 8

/* Each model, some in two ways: number 3 are processes, 4 processes with loops. */
extern const struct replay_plan replayer_arrangements[ARRANGEMENTS];

/* Items of one step each, all like step[0], for that arrangement. @param step, items  room for n_items; in use as long
 * as the plan is */
struct replay_plan replayer_arrange(size_t index, struct profile_step *step, size_t *items, size_t n_items);

/* A plan of ITEMS waits of 10 ms in threads or processes. */
struct replay_plan replayer_ten_ms_each(enum model model, uint32_t workers, struct profile_step steps[ITEMS]);
