/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * critical_path: the longest chain of waits behind the wall time.
 *
 * The run ended because its last thread ended. That one was on a CPU, or waited; a wait that another thread of the
 * target ended is not its own time but that thread's, from there backwards; a thread that was not born yet is its
 * parent's. Followed to the beginning this gives one chain that covers the wall time without a gap: what is not on it
 * can get faster without the run getting shorter. The idea is C.-Q. Yang and B. P. Miller, "Critical Path Analysis for
 * the Execution of Parallel and Distributed Programs", ICDCS 1988; that off-CPU waits are the edges, found from who
 * wakes whom, is F. Zhou et al., "wPerf: Generic Off-CPU Analysis to Identify Bottleneck Waiting Events", OSDI 2018.
 *
 * Edges: lock, handoff, ipc, join and interpreter_lock waits with a waker; an interpreter_lock wait that timed out just
 * when the lock came free leads to the thread of the process that ran before. Waits on the outside, on timers and for
 * work that never came stay on the thread and count as their cause. Knows slices; refuses to guess what they do not
 * hold: where slices were merged or lost the path is marked approximate, and time without a record is taken from the
 * sums of the thread, and is PATH_UNKNOWN where those say nothing either.
 */

struct critical_path;
struct measurement;
struct thread_groups;
struct thread_index;

/*
 * A pure function of the measurement: the same one always gives the same path. O(n log n) in slices and threads.
 * @param ret_path  critical_path_clear(); zeroed when the measurement has no slices or no time
 * @return 0 or -ENOMEM (ret_path untouched)
 */
int critical_path_fill(const struct measurement *m, const struct thread_index *index,
                       const struct thread_groups *groups, struct critical_path *ret_path);
