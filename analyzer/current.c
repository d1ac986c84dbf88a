/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/current.h"

#include <math.h>

#include "analyzer/executor.h"
#include "analyzer/lanes.h"
#include "analyzer/metrics.h"
#include "base/base.h"

/* So many short-lived workers are a habit, not a start-up. */
#define MANY_WORKERS 20.0
#define MIN_MESSAGES 50                 /* before a thread can be told to pass on messages... */
#define FEEDER_NS (200 * NSEC_PER_USEC) /* ...with less work than this for each */

static uint32_t at_least_one(double value)
{
    return value < 1.0 ? 1 : (uint32_t)lround(value);
}

static uint32_t outstanding(const struct lanes *lanes)
{
    uint32_t most = 1;

    for (size_t i = 0; i < lanes->n; i++)
        if (lanes->items[i].loop) {
            uint32_t at_once = lanes_loop_peak(lanes->items[i].loop);

            most = at_once > most ? at_once : most;
        }
    return most;
}

static bool in_short_process(const struct lane *lane)
{
    return lane->short_process;
}

static bool is_working_thread(const struct lane *lane)
{
    return !lane->main && (lane->substantial || lane->short_thread);
}

static uint64_t messages(const struct lane *lane)
{
    return lane->thread->blocked_count[CAUSE_IPC] + lane->thread->blocked_count[CAUSE_HANDOFF];
}

/* A process that lives on and gets message after message. */
static bool is_pool_process(const struct lane *lane)
{
    return lane->main && lane->process && lane->process->parent_pid && !lane->process->launcher &&
           !lane->short_process && lane->thread->blocked_count[CAUSE_IPC] > 0 && messages(lane) >= MIN_MESSAGES;
}

/*
 * Are those that are busy nothing but the feeders of a pool of processes (executor manager, queue feeder)? Where items
 * are small, these do more than the pool's processes, which mostly wait for them.
 */
static bool feed_processes(const struct lanes *lanes)
{
    int32_t parent = 0;
    bool any = false;

    for (size_t i = 0; i < lanes->n; i++)
        if (is_pool_process(&lanes->items[i]))
            parent = lanes->items[i].process->parent_pid;
    for (size_t i = 0; i < lanes->n && parent; i++) {
        const struct lane *lane = &lanes->items[i];

        if (!lane->substantial || is_pool_process(lane))
            continue;
        if (lane->thread->pid != parent || messages(lane) < MIN_MESSAGES ||
            lane->thread->on_cpu_ns / messages(lane) > FEEDER_NS || lane->external_ns > lane->thread->on_cpu_ns / 10)
            return false;
        any = true;
    }
    return any;
}

/* What a loop with threads behind it has under way: its own waits, or what the threads do. */
static bool has_executor(const struct lanes *lanes, uint32_t *ret_workers)
{
    struct executor executor;

    executor_find(lanes->m, &executor);
    if (!executor.loop)
        return false;
    *ret_workers = at_least_one(fmax(executor.at_once, executor.threads));
    return true;
}

enum model current_detect(const struct lanes *lanes, const struct metrics *metrics, uint32_t *ret_workers)
{
    const double *v = metrics->value;

    if (has_executor(lanes, ret_workers))
        return MODEL_COROUTINES;

    if (v[METRIC_LOOP_PRESENT] != 0.0 && v[METRIC_PROCESSES_WORKING] >= 2.0) {
        *ret_workers = at_least_one(v[METRIC_PROCESSES_WORKING]);
        return MODEL_PROCESSES_COROUTINES;
    }
    if (v[METRIC_LOOP_PRESENT] != 0.0) {
        *ret_workers = outstanding(lanes);
        return MODEL_COROUTINES;
    }
    /* A process per item is "processes" even where only one lives at a time. */
    if (v[METRIC_SHORT_PROCESSES] >= MANY_WORKERS && v[METRIC_PROCESS_START_SHARE] > 0.05) {
        *ret_workers = at_least_one(lanes_peak_processes(lanes, in_short_process));
        return MODEL_PROCESSES;
    }
    if (v[METRIC_PROCESSES_WORKING] >= 2.0) {
        *ret_workers = at_least_one(v[METRIC_PROCESSES_WORKING]);
        return MODEL_PROCESSES;
    }
    if (feed_processes(lanes) && lanes_peak_processes(lanes, is_pool_process) >= 2) {
        *ret_workers = lanes_peak_processes(lanes, is_pool_process);
        return MODEL_PROCESSES;
    }
    if (v[METRIC_LANES_WORKING] >= 2.0 || v[METRIC_SHORT_THREADS] >= MANY_WORKERS) {
        /* With a thread per item the main thread only makes them. */
        double threads = lanes_peak(lanes, is_working_thread);
        bool per_item = v[METRIC_SHORT_THREADS] >= MANY_WORKERS;

        *ret_workers = at_least_one(per_item ? threads : fmax(v[METRIC_LANES_WORKING], threads));
        return MODEL_THREADS;
    }
    *ret_workers = 1;
    return MODEL_SERIAL;
}
