/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * native_models: a plan executed with threads, forked processes, event loops, or none of them.
 *
 * Knows pthreads, fork and pipes; native_loop.c is the event loop. Refuses to know the protocol.
 */

#include <stdbool.h>
#include <stdint.h>

struct native_job;
struct native_plan;

struct native_times {
    uint64_t wall_ns;
    uint64_t start_ns;       /* part of wall_ns until all workers were ready */
    uint64_t cpu_ns;         /* with children */
    uint64_t peak_rss_bytes; /* above what was resident before, children's private memory included */
};

/*
 * Run the plan once. `empty`: the same structure without any duration.
 * @return 0, -errno, -EINVAL (unknown model)
 */
int native_run(const struct native_plan *plan, bool empty, struct native_times *ret_times);

/* A child that does not outlive this process. @return pid in the parent, 0 in the child, -errno */
int native_fork(void);

/* Event loop over epoll and one timer per item in flight (native_loop.c); tasks are lanes from first_lane. @return 0 or
 * -errno */
int native_loop_run(const struct native_job *job, uint32_t in_flight, uint32_t first_lane, bool own_process);
