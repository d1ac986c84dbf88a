/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * profile_shapes: the three arrangements a program can have now, and the items of each.
 *
 * profile_serial.c: one lane does the work. profile_loops.c: event loops. profile_executor.c: one with threads behind
 * it. profile_workers.c: several threads or processes. Knows what is start-up and what is work. Refuses to know how
 * lanes were found (profile_lanes.h).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/profile/profile.h"
#include "analyzer/profile/profile_items.h"
#include "analyzer/profile/profile_lanes.h"
#include "analyzer/profile/profile_pattern.h"

/*
 * Fill model, workers, head, tail and items of the profile under construction. The lanes' pieces are used up: what goes
 * to the head is taken off them.
 * @return 0 or -ENOMEM
 */
int profile_serial_items(const struct measurement *m, struct work_lanes *lanes, struct profile_builder *b);
int profile_loop_items(const struct measurement *m, struct work_lanes *lanes, struct profile_builder *b);
int profile_worker_items(const struct measurement *m, struct work_lanes *lanes, struct profile_builder *b);
int profile_executor_items(const struct measurement *m, struct work_lanes *lanes, struct profile_builder *b);

/*
 * Where the lanes are a pipeline: the items that go through it, with stages.
 * @return 1, 0 (they are none, or not clearly so: nothing was added), or -ENOMEM
 */
int profile_stage_items(const struct measurement *m, struct work_lanes *lanes, struct profile_builder *b);

/* How a worker's lane is cut; lane and stage are left as they are. */
void profile_worker_options(const struct measurement *m, const struct work_lanes *lanes, const struct work_lane *lane,
                            const struct pattern *pattern, struct cut_options *options);

/*
 * Bring items into the order in which they began, phase by phase, and fill what the items' own lanes tell: lanes,
 * phases, stages, fixed_lanes and the share under mutexes.
 * @return 0 or -ENOMEM
 */
int profile_arrange(const struct work_lanes *lanes, struct profile_builder *b);

/* --- Shared between them (profile_serial.c) --- */

uint64_t profile_total_cpu(const struct profile *p);  /* of all steps */
uint64_t profile_total_wait(const struct profile *p); /* of all steps */

/* CPU of a lane that is the runtime's start-up and imports, at most half of what it used. */
uint64_t profile_start_up_cpu(const struct measurement *m, const struct work_lane *lane);

/* Take `ns` of CPU off the front of the lane: it goes to the head. */
void profile_take_start_up(struct profile *p, struct pieces *pieces, uint64_t ns);

/*
 * Move everything before the first wait of at least `min_wait` to the head, short waits included.
 * @return index of the piece that ends with that wait; its CPU has been moved, too
 */
size_t profile_take_head(struct profile *p, struct pieces *pieces, uint64_t min_wait);

/* Does the lane wait for anything outside, or idle? */
bool profile_any_wait(const struct pieces *pieces);

/*
 * Divide where one burst outweighs the rest: its boundaries are then an assumption, and marked as one.
 * @return 0 or -ENOMEM
 */
int profile_divide_long_bursts(struct profile_builder *b);
