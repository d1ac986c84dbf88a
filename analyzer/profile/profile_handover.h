/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * profile_handover: CPU that goes into handing items over, not into items.
 *
 * Knows the interpreter's library by its files: queues, pools, futures, what carries messages between processes. Who
 * asks for that work is the present arrangement; another one pays its own hand-overs, and a serial program none.
 * Refuses to know what a hand-over costs elsewhere (simulate.h).
 */

#include <stdint.h>

#include "analyzer/profile/profile_lanes.h"
#include "probe/measurement.h"

/* From this share on a thread feeds or collects; its own work can't be told from none. */
#define HANDOVER_NEARLY_ALL 0.9

/*
 * Of each thread's CPU time the share in hand-over code, 0..1, from its samples; by row of m->threads. 0 where it is
 * little or there are too few samples to tell, or where messages between processes are so large that batches would not
 * help; 1 where hardly anything else was seen.
 * @return 0 (free(*ret_shares)) or -ENOMEM
 */
int handover_shares(const struct measurement *m, double **ret_shares);

/*
 * Make batches of items whose hand-over took a large part of the CPU time: nobody would hand them over one by one under
 * another model. The mutexes that were queued for are those of the queue, and go. Does nothing where hand-overs are
 * cheap, where items wait outside, or where threads queue in code of the program's own.
 */
void handover_batch(const struct measurement *m, const struct work_lanes *lanes, struct profile_builder *b);
