/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * builder: synthetic measurements for tests of analyzer/. Time is conserved: a lane lives exactly as long as what it
 * did, and build_finish() fills gaps with waiting for its children. Failures to allocate end the test program.
 */

#include "analyzer/advice.h"
#include "analyzer/analyze.h"
#include "analyzer/tree.h"
#include "base/base.h"
#include "probe/measurement.h"

#define MS NSEC_PER_MSEC
#define US NSEC_PER_USEC

/* A measurement on `cpus` CPUs of a target of that kind (CPython with its GIL). */
struct measurement *build_new(enum runtime_kind kind, uint32_t cpus);

/* Add a thread born at `birth_ns`; a new pid makes a process. @return its index, valid for the build_* calls below */
size_t build_lane(struct measurement *m, int32_t pid, int32_t tid, uint64_t birth_ns);

/* `n` times: `cpu_ns` on a CPU, ready for `runnable_ns`, then blocked for `wait_ns`. */
void build_repeat(struct measurement *m, size_t lane, size_t n, uint64_t cpu_ns, uint64_t runnable_ns, enum cause cause,
                  uint64_t wait_ns);

/* The same with futex address and waker. */
void build_handoff(struct measurement *m, size_t lane, size_t n, uint64_t cpu_ns, enum cause cause, uint64_t wait_ns,
                   uint64_t address, int32_t waker_tid);

/* Blocked once, without a slice before it. */
void build_wait(struct measurement *m, size_t lane, enum cause cause, uint64_t wait_ns);

/* An event loop in that lane. */
struct event_loop *build_loop(struct measurement *m, size_t lane, const char *kind);

/* A site with one frame. */
void build_site(struct measurement *m, bool on_cpu, enum cause cause, uint64_t time_ns, bool in_loop,
                const char *function, const char *file, uint32_t line, const char *module);
void build_module(struct measurement *m, const char *name);

/* `n` runs that took between median_ns * 0.99 and median_ns * 1.01. */
void build_replay(struct measurement *m, enum model model, uint32_t workers, size_t n, uint64_t median_ns,
                  bool current);

/* Share of CPU samples that held the interpreter lock. */
void build_lock_held(struct measurement *m, double share);

/*
 * Main threads live on to the end of the run (join), ends of processes are set, totals summed, invariants asserted.
 * `concurrency`: external waits outstanding while any is.
 */
void build_finish(struct measurement *m, double concurrency);

/* analyze() with the built-in tree; asserts success. Free with advice_free(). */
struct advice *build_advice(const struct measurement *m);

/* The finding with that id, or NULL. */
const struct finding *build_finding(const struct advice *a, int id);
