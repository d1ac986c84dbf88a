/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/profile/profile_lanes.h"

#include <math.h>

#include "analyzer/lanes.h"
#include "base/base.h"

#define MIN_SAMPLES 20                /* on-CPU samples for a share */
#define QUEUE_MATTERS 0.05            /* mean lanes queued for a mutex */
#define IN_TURN_PARALLEL 1.2          /* mean lanes on CPU at most, where lanes wake each other in turn... */
#define MESSAGE_WORK_NS NSEC_PER_MSEC /* ...after less work than this each time */

double work_lane_locked_share(const struct measurement *m, const struct work_lanes *lanes, const struct work_lane *lane)
{
    uint64_t samples = 0, held = 0;

    if (m->target.runtime.interpreter_lock == INTERPRETER_LOCK_NONE)
        return 0.0;
    if (m->target.runtime.interpreter_lock == INTERPRETER_LOCK_UNKNOWN)
        return lanes_locked_share_by_parallelism(m, lanes->processes <= 1);
    if (lane->thread->cpu_samples >= MIN_SAMPLES)
        return fmin(1.0, (double)lane->thread->lock_held_samples / (double)lane->thread->cpu_samples);
    for (size_t i = 0; i < m->n_threads; i++) {
        if (m->threads[i].pid != lane->thread->pid)
            continue;
        samples += m->threads[i].cpu_samples;
        held += m->threads[i].lock_held_samples;
    }
    if (samples >= MIN_SAMPLES)
        return fmin(1.0, (double)held / (double)samples);
    if (m->cpu_samples >= MIN_SAMPLES)
        return fmin(1.0, (double)m->lock_held_samples / (double)m->cpu_samples);
    return lanes_locked_share_by_parallelism(m, lanes->processes <= 1);
}

static bool is_worker(const struct work_lanes *lanes, int32_t tid)
{
    for (size_t i = 0; i < lanes->count; i++)
        if (lanes->list[i].thread->tid == tid)
            return true;
    return false;
}

/*
 * Do workers wait for each other's messages, rather than for a dispatcher, and after little work each? Longer stretches
 * that do not overlap may as well be lanes short of CPUs.
 */
static bool woken_in_turn(const struct work_lanes *lanes)
{
    uint64_t by_workers = 0, total = 0, work_ns = 0;

    if (lanes->count > 64)
        return false;
    for (size_t i = 0; i < lanes->count; i++) {
        const struct pieces *pieces = &lanes->list[i].pieces;

        work_ns += lanes->list[i].work_ns;
        for (size_t k = 0; k < pieces->count; k++) {
            const struct piece *piece = &pieces->list[k];

            if (piece->cause != CAUSE_HANDOFF && piece->cause != CAUSE_IPC)
                continue;
            total++;
            by_workers += piece->waker_tid != lanes->list[i].thread->tid && is_worker(lanes, piece->waker_tid);
        }
    }
    return total && by_workers * 2 > total && work_ns / total < MESSAGE_WORK_NS;
}

double work_lanes_critical_share(const struct measurement *m, const struct work_lanes *lanes)
{
    uint64_t lock_ns = 0, interpreter_ns = 0, work_ns = 0, span_ns = lanes->last_ns - lanes->first_ns - lanes->gaps_ns;
    double queued, parallel;

    (void)m;
    if (lanes->count < 2 || !span_ns)
        return 0.0;
    for (size_t i = 0; i < lanes->count; i++) {
        lock_ns += lanes->list[i].thread->blocked_ns[CAUSE_LOCK];
        interpreter_ns += lanes->list[i].thread->blocked_ns[CAUSE_INTERPRETER_LOCK];
        work_ns += lanes->list[i].work_ns;
    }
    queued = (double)lock_ns / (double)span_ns;
    parallel = (double)work_ns / (double)span_ns;
    if (queued >= QUEUE_MATTERS && parallel > 0)
        return fmin(1.0, fmin(1.0, sqrt(queued)) / parallel);
    if (parallel < IN_TURN_PARALLEL && interpreter_ns * 10 < span_ns && woken_in_turn(lanes))
        return 1.0;
    return 0.0;
}
