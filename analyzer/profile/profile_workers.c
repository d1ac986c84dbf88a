/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/profile/profile_shapes.h"

#include <math.h>

#include "base/base.h"

#define TINY_ITEM_NS (200 * NSEC_PER_USEC) /* with items below this, hand-overs that outweigh them are round trips */
#define SERVER_BUSY \
    2 /* waits for others per idle wait from which on a server's lane counts as never short of requests */
#define FORK_CPU_NS NSEC_PER_MSEC                /* a forked interpreter's own start, at most half of what it used */
#define NATIVE_FORK_CPU_NS (100 * NSEC_PER_USEC) /* the same for native code: page faults */
#define EXEC_CPU_NS (12 * NSEC_PER_MSEC)         /* the same for an interpreter started afresh */

/*
 * CPU that a forked worker spends on its own start. What a replay measured is left aside: a profile must be the same
 * before and after the replay that was made from it.
 */
static uint64_t fork_cpu(const struct measurement *m)
{
    return m->target.runtime.kind == RUNTIME_NATIVE ? NATIVE_FORK_CPU_NS : FORK_CPU_NS;
}

/* A worker that exists for one item: its own start is not the item's work. */
static void take_worker_start(const struct measurement *m, struct work_lane *lane)
{
    uint64_t start_ns = fork_cpu(m);

    if (lane->thread->tid != lane->thread->pid)
        start_ns = 0;
    else if (lane->process && lane->process->execed && lane->process->runtime == RUNTIME_CPYTHON)
        start_ns = EXEC_CPU_NS;
    if (start_ns > lane->thread->on_cpu_ns / 2)
        start_ns = lane->thread->on_cpu_ns / 2;
    for (size_t i = 0; i < lane->pieces.count && start_ns; i++) {
        struct piece *piece = &lane->pieces.list[i];
        uint64_t part = piece->cpu_ns < start_ns ? piece->cpu_ns : start_ns;

        piece->cpu_ns -= part;
        start_ns -= part;
    }
}

/*
 * A server's lane gets its items from outside. While it is never short of requests it does not idle between them: then
 * its waits for others tell where one request ends, as in a serial program.
 */
static enum cut server_cut(const struct work_lane *lane)
{
    uint64_t min_wait = pieces_min_wait(&lane->pieces), idle = 0, outside = 0;

    for (size_t i = 0; i < lane->pieces.count; i++) {
        const struct piece *piece = &lane->pieces.list[i];

        idle += piece->cause == CAUSE_IDLE && piece->wait_ns;
        outside += piece_waits_outside(piece) && piece->wait_ns && piece->wait_ns >= min_wait;
    }
    if (outside > SERVER_BUSY * idle)
        return CUT_WAITS;
    return idle ? CUT_HANDOFF : CUT_LANE;
}

/* Hand-overs per lane that look like a queue's: then each begins an item. */
static enum cut worker_cut(const struct work_lanes *lanes, const struct work_lane *lane)
{
    uint64_t count = 0, wait_ns = 0;
    enum cut cut = work_lane_serves(lane) ? server_cut(lane) : CUT_LANE;

    if (cut != CUT_LANE)
        return cut;

    for (size_t i = 0; i < lane->pieces.count; i++) {
        const struct piece *piece = &lane->pieces.list[i];
        bool handed = piece->cause == CAUSE_HANDOFF || piece->cause == CAUSE_IPC;

        count += handed && piece->wait_ns;
        wait_ns += handed ? piece->wait_ns : 0;
    }
    if (lanes->short_lived || count == 0)
        return CUT_LANE;
    /* Manager, proxy: the lane asks for something again and again, and waits about as long as it works. */
    if (lanes->processes > 1 && lane->work_ns / count < TINY_ITEM_NS && wait_ns > lane->work_ns / 2)
        return CUT_LANE;
    return CUT_HANDOFF;
}

/* With a worker per item: what each takes from the decision to start it to its end, beyond its work. */
static uint64_t creation_overhead(const struct profile *p, const struct work_lanes *lanes)
{
    uint64_t span_ns = (lanes->last_ns - lanes->first_ns) * lanes->most_live,
             work_ns = profile_total_cpu(p) + profile_total_wait(p);

    return span_ns > work_ns ? (span_ns - work_ns) / p->n_items : 1;
}

/* What the present arrangement pays per item, beyond the items' own work. */
static void item_overheads(struct profile *p, const struct work_lanes *lanes, bool in_turn)
{
    uint64_t span_ns = lanes->last_ns - lanes->first_ns - lanes->gaps_ns, round_trips_ns = 0, work_ns = 0, overhead_ns;

    if (!p->n_items)
        return;
    for (size_t i = 0; i < lanes->count; i++) {
        const struct work_lane *lane = &lanes->list[i];

        work_ns += lane->work_ns;
        if (p->current_model == MODEL_PROCESSES && worker_cut(lanes, lane) == CUT_LANE)
            round_trips_ns += lane->thread->blocked_ns[CAUSE_IPC];
    }
    overhead_ns = (lanes->dispatch_ns + round_trips_ns) / p->n_items;
    if (lanes->short_lived)
        overhead_ns = creation_overhead(p, lanes);
    /* At least 1: measured, and found to be nothing. */
    if (in_turn)
        p->switch_ns_per_item = span_ns > work_ns + p->n_items ? (span_ns - work_ns) / p->n_items : 1;
    else if (p->current_model == MODEL_PROCESSES)
        p->ipc_ns_per_item = overhead_ns;
    else
        p->switch_ns_per_item = overhead_ns;
}

/*
 * Wall time between the first and the last worker during which none lived. With a worker per item that is the creating
 * of the next one, and goes with it, but for what the creator burned beyond that.
 */
static uint64_t serial_gaps(const struct measurement *m, const struct work_lanes *lanes)
{
    uint64_t creating_ns = 2 * fork_cpu(m) * lanes->count;
    uint64_t own_ns = lanes->dispatch_ns > creating_ns ? lanes->dispatch_ns - creating_ns : 0;

    if (!lanes->short_lived)
        return lanes->gaps_ns;
    return own_ns < lanes->gaps_ns ? own_ns : lanes->gaps_ns;
}

/*
 * More threads came and went than have rows: those that have stand for all, and the time after the last of them is not
 * a serial tail.
 */
static void stand_for_omitted(const struct measurement *m, struct work_lanes *lanes, struct profile *p)
{
    uint64_t rows_ns = 0;
    double factor;

    for (size_t i = 0; i < m->n_threads; i++)
        rows_ns += m->threads[i].on_cpu_ns;
    if (!lanes->short_lived || !(m->loss.threads_omitted + m->loss.threads_dropped) || !rows_ns)
        return;
    factor = (double)m->on_cpu_ns / (double)rows_ns;
    for (size_t i = 0; i < p->n_steps && factor > 1; i++) {
        p->steps[i].locked_cpu_ns = (uint64_t)llround((double)p->steps[i].locked_cpu_ns * factor);
        p->steps[i].free_cpu_ns = (uint64_t)llround((double)p->steps[i].free_cpu_ns * factor);
        p->steps[i].wait_ns = (uint64_t)llround((double)p->steps[i].wait_ns * factor);
    }
    p->tail_ns = 0;
    lanes->last_ns = m->wall_ns;
}

/* Several lanes work: threads, processes, pools, one per item. */
int profile_worker_items(const struct measurement *m, struct work_lanes *lanes, struct profile_builder *b)
{
    struct profile *p = b->profile;
    double critical = work_lanes_critical_share(m, lanes);
    int r = 0;

    p->current_model = lanes->processes > 1 ? MODEL_PROCESSES : MODEL_THREADS;
    p->current_workers = lanes->most_live;
    p->one_worker_per_item = lanes->short_lived;
    p->head_ns += lanes->first_ns + serial_gaps(m, lanes);
    p->tail_ns += m->wall_ns > lanes->last_ns ? m->wall_ns - lanes->last_ns : 0;
    for (size_t i = 0; i < lanes->count && r == 0; i++) {
        struct work_lane *lane = &lanes->list[i];
        struct cut_options options = {
            .cut = worker_cut(lanes, lane),
            .locked = work_lane_locked_share(m, lanes, lane),
            .critical = critical,
            .min_wait = pieces_min_wait(&lane->pieces),
            .wait_factor = 1,
        };
        size_t first = 0;

        if (lanes->short_lived)
            take_worker_start(m, lane);
        while (lane->creator && first < lane->pieces.count && lane->pieces.list[first].start_ns < lanes->first_ns)
            first++;
        r = builder_cut(b, &lane->pieces, first, &options);
    }
    if (r < 0)
        return r;
    stand_for_omitted(m, lanes, p);
    item_overheads(p, lanes, critical >= 1.0);
    return 0;
}
