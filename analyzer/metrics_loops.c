/* SPDX-License-Identifier: BSD-2-Clause */
/* Metrics of event loops: blocked, computing, or waiting for one thing at a time. */
#include "analyzer/metrics.h"

#include <math.h>

#include "analyzer/lanes.h"
#include "base/base.h"
#include "probe/measurement.h"

/* A loop counts when its lane does at least this share of the target's active time. */
#define LOOP_MIN_SHARE 0.2

/* Below this many waits nothing can be said about how they follow each other. */
#define SERIAL_MIN_WAITS 10
#define SERIAL_MOST_SLEEPERS 1.5 /* counted: one at a time, and what the count is off */

/* One or two long callbacks are a start-up. */
#define STALLS_MIN 3

/*
 * Only timers were seen (no descriptors outstanding), so nobody counted tasks. One timer at a time looks like this:
 * waits of much the same length, never shorter than the rest, and after each a burst that is too small for many tasks.
 * That is an inference, and the advice says so.
 */
static bool timers_come_singly(const struct thread *t)
{
    double n = 0.0, sum = 0.0, squares = 0.0, cpu = 0.0, mean;

    for (size_t k = 1; k < t->n_slices; k++) {
        const struct slice *s = &t->slices[k];

        if (s->cause != CAUSE_SLEEP || s->blocked_ns < NSEC_PER_MSEC)
            continue;
        n++;
        sum += (double)s->blocked_ns;
        squares += (double)s->blocked_ns * (double)s->blocked_ns;
        cpu += (double)s->on_cpu_ns;
    }
    if (n < SERIAL_MIN_WAITS)
        return false;
    mean = sum / n;
    return sqrt(fmax(0.0, squares / n - mean * mean)) <= 0.3 * mean && cpu / n <= 3e5 && cpu <= 0.2 * sum;
}

/* News that come by themselves, over a connection that stays: nothing was asked, so nothing can be asked at once. */
static bool only_listens(const struct event_loop *loop)
{
    return loop->received_segments >= SERIAL_MIN_WAITS && loop->sent_segments < loop->received_segments / 4;
}

static bool awaits_serially(const struct lane *lane)
{
    const struct event_loop *loop = lane->loop;
    const struct thread *t = lane->thread;
    uint64_t life_ns = t->death_ns - t->birth_ns;

    bool python = strcmp(loop->kind, "asyncio") == 0 || strcmp(loop->kind, "uvloop") == 0;

    /* Of node's timers nobody knows whether somebody awaits them. */
    if (!python && (strcmp(loop->kind, "libuv") != 0 || loop->outstanding_max != 1))
        return false;
    if (lane->process && lane->process->listens)
        return false;
    /* Then it is not awaits that come one by one, but calls that block. */
    if (loop->blocked_in_turn_ns >= life_ns / 10)
        return false;
    if (lane->external_count < SERIAL_MIN_WAITS || lane->external_ns < life_ns / 2)
        return false;
    if (loop->outstanding_max == 0 && loop->sleepers_mean > 0)
        return loop->sleepers_mean < SERIAL_MOST_SLEEPERS;
    return (loop->outstanding_max == 1 && !only_listens(loop)) || (loop->outstanding_max == 0 && timers_come_singly(t));
}

/*
 * CPU time of a turn. Only turns that had to wait for work are counted, so the mean over those is too much for a loop
 * under load: unless a callback as long as that was seen, take that of a loop that is busy for a share r of its time
 * one turn in 1 / (1 - r) has to wait (what arrives finds it busy with probability r). Nor is it longer than samples
 * tell. Where a good part of the computing was seen to be single long callbacks, those.
 */
static double turn_cpu_ns(const struct event_loop *loop, const struct process *process)
{
    double cpu = (double)loop->busy_cpu_ns, wait = (double)loop->wait_ns;
    double mean = cpu / fmax((double)loop->turns, 1.0);
    double stalls = fmax(0.0, (double)loop->stall_ns - (double)loop->blocked_in_turn_ns);

    if ((double)loop->longest_stall_ns < mean)
        mean *= metrics_share(wait, cpu + wait);
    /* What answers with a write has ended: between two of them there was no longer callback, on average. */
    if (process && loop->stalls == 0)
        mean = fmin(mean, cpu / fmax((double)process->writes, 1.0));
    if (loop->callback_ns > 0) /* of a loop that never waited only samples know */
        mean = loop->turns ? fmin(mean, (double)loop->callback_ns) : (double)loop->callback_ns;
    if (loop->stalls < STALLS_MIN || stalls < 0.25 * cpu)
        return mean;
    return fmax(mean, stalls / (double)loop->stalls);
}

/* All at once, they take as long as one of them. */
static double overlap_share(const struct lane *lane)
{
    double life = (double)(lane->thread->death_ns - lane->thread->birth_ns);
    double waits = (double)lane->external_count, wait = (double)lane->external_ns;

    return waits > 1.0 ? metrics_share(wait - wait / waits, life) : 0.0;
}

static int compare_pid(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;

    return (x > y) - (x < y);
}

static double distinct(int32_t *pids, size_t n)
{
    double count = n > 0;

    qsort(pids, n, sizeof(*pids), compare_pid);
    for (size_t i = 1; i < n; i++)
        count += pids[i] != pids[i - 1];
    return count;
}

void metrics_add_loops(const struct measurement *m, const struct lanes *lanes, struct metrics *metrics)
{
    AUTO_FREE int32_t *pids = calloc(lanes->n + 1, sizeof(*pids));
    double *v = metrics->value;
    double active = 0.0, blocked = 0.0, cpu = 0.0, turn = 0.0, busy = 0.0, whole = 0.0;
    const struct lane *largest = NULL;
    size_t n = 0;

    (void)m;
    for (size_t i = 0; pids && i < lanes->n; i++) {
        const struct lane *lane = &lanes->items[i];
        const struct thread *t = lane->thread;

        if (!lane->loop || !lane->substantial)
            continue;
        pids[n++] = t->pid;
        busy += (double)lane->busy_ns;
        whole += (double)(t->death_ns - t->birth_ns - t->runnable_ns);
        active += (double)(t->death_ns - t->birth_ns - lane->idle_ns - t->runnable_ns);
        blocked += (double)lane->loop->blocked_in_turn_ns;
        cpu += (double)lane->loop->busy_cpu_ns;
        turn += turn_cpu_ns(lane->loop, lane->process) * (double)lane->loop->busy_cpu_ns;
        if (!largest || lane->busy_ns > largest->busy_ns)
            largest = lane;
    }
    if (n == 0 || busy < LOOP_MIN_SHARE * (double)lanes->busy_ns)
        return;
    v[METRIC_LOOP_PRESENT] = 1.0;
    v[METRIC_LOOP_PROCESSES] = distinct(pids, n);
    v[METRIC_LOOP_BLOCKED_SHARE] = fmin(1.0, metrics_share(blocked, active));
    v[METRIC_LOOP_CPU_SHARE] = fmin(1.0, metrics_share(cpu, active));
    v[METRIC_LOOP_FULL_SHARE] = fmin(1.0, metrics_share(cpu, whole));
    v[METRIC_LOOP_TURN_CPU_NS] = metrics_share(turn, cpu);
    v[METRIC_LOOP_SERIAL_AWAITS] = awaits_serially(largest);
    if (v[METRIC_LOOP_SERIAL_AWAITS] != 0.0)
        v[METRIC_LOOP_OVERLAP_SHARE] = overlap_share(largest);
}
