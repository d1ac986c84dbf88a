/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * synthetic: measurements made by hand, slice by slice, for tests of what is derived from them.
 *
 * Running out of memory ends the test program.
 */

#include <stdint.h>

#include "base/base.h"
#include "probe/measurement.h"

#define MS NSEC_PER_MSEC
#define US NSEC_PER_USEC

/* A machine with that many CPUs and a native target without threads; measurement_free(). */
struct measurement *synthetic_new(uint32_t cpus);

/* The target is CPython 3.11 with a GIL. */
void synthetic_python(struct measurement *m);

/* A thread born at `birth_ns`; its death follows from its slices. @return its index in m->threads */
size_t synthetic_thread(struct measurement *m, int32_t tid, int32_t pid, int32_t parent_tid, uint64_t birth_ns);

void synthetic_slice(struct measurement *m, size_t thread, uint64_t on_cpu_ns, uint64_t blocked_ns, enum cause cause);

/* The same, ended by a thread of the target. */
void synthetic_woken_slice(struct measurement *m, size_t thread, uint64_t on_cpu_ns, uint64_t blocked_ns,
                           enum cause cause, int32_t waker_tid);

/* The same at a futex, with the CPU time that the waker had used up in its life. */
void synthetic_queue_slice(struct measurement *m, size_t thread, uint64_t on_cpu_ns, uint64_t blocked_ns,
                           enum cause cause, uint64_t address, int32_t waker_tid, uint64_t waker_cpu_ns);

/* A place in the code that waits: one frame at `line`. */
void synthetic_wait_site(struct measurement *m, enum cause cause, uint64_t count, uint32_t line);

/* A process row. @return it, until the next call */
struct process *synthetic_process(struct measurement *m, int32_t pid, int32_t parent_pid);

/* An event loop row on that thread. @return it, until the next call */
struct event_loop *synthetic_loop(struct measurement *m, int32_t tid, int32_t pid);

/* Sums, and wall time up to the last death; call when all slices are there. */
void synthetic_finish(struct measurement *m);
