/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/profile/profile_shapes.h"

#include <math.h>

#include "analyzer/profile/profile_handover.h"
#include "base/base.h"

#define TINY_ITEM_NS (200 * NSEC_PER_USEC) /* with items below this, hand-overs that outweigh them are round trips */
#define SERVER_BUSY \
    2 /* waits for others per idle wait from which on a server's lane counts as never short of requests */
#define PATTERN_LANES 256 /* enough to see a pattern in */
#define MIN_WAITS 3       /* of a lane that lives on, from which on each begins an item */
#define MANY_WAITS 2      /* at least one wait outside for 2 hand-overs */
#define EVEN_SHARE 4      /* 3/4 of the hand-overs have the usual number of waits... */
#define MIN_SEGMENTS 3
#define ALL_SHARE 10                             /* ...and 9/10 of the waits are theirs */
#define DISPATCH_BOUND 2                         /* dispatching takes 1/2 of the time: it is what workers wait for */
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
 * A forked worker that lives on: its start, which models with processes pay as such and the others don't at all. Where
 * it waited for its first item that is all that was before, else a part of it.
 */
static void take_forked_start(const struct measurement *m, struct work_lane *lane)
{
    struct piece *first = lane->pieces.list;
    const struct process *process = lane->process;
    uint64_t start_ns = fork_cpu(m), most_ns;

    if (!lane->pieces.count || lane->creator || lane->thread->tid != lane->thread->pid || !process ||
        !process->parent_pid || process->execed || work_lane_serves(lane))
        return;
    most_ns = first->wait_ns && (first->cause == CAUSE_IPC || first->cause == CAUSE_HANDOFF) ? first->cpu_ns
                                                                                             : first->cpu_ns / 2;
    first->cpu_ns -= start_ns < most_ns ? start_ns : most_ns;
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

static bool counts_as_wait(const struct piece *piece, uint64_t min_wait)
{
    return piece_waits_outside(piece) && piece->wait_ns && piece->wait_ns >= min_wait;
}

/* Does every hand-over have `usual` waits outside before it, and do these make up all waits? One or two are no rule. */
static bool evenly_spread(const struct pieces *pieces, uint64_t min_wait, uint64_t usual)
{
    uint64_t waits = 0, all = 0, segments = 0, even = 0;

    for (size_t i = 0; i < pieces->count; i++) {
        const struct piece *piece = &pieces->list[i];
        bool handed = piece->wait_ns && !piece->queued && (piece->cause == CAUSE_HANDOFF || piece->cause == CAUSE_IPC);

        waits += counts_as_wait(piece, min_wait);
        all += counts_as_wait(piece, min_wait);
        if ((!handed && !piece->ends_item) || !waits)
            continue;
        segments++;
        even += waits == usual;
        waits = 0;
    }
    return segments >= MIN_SEGMENTS && even * EVEN_SHARE >= segments * (EVEN_SHARE - 1) &&
           even * usual * ALL_SHARE >= all * (ALL_SHARE - 1);
}

/*
 * Hand-overs of a lane that look like a queue's: then each begins an item. Where the queue hardly ever ran empty, or
 * there is none, waits outside tell where items begin.
 */
static enum cut worker_cut(const struct work_lanes *lanes, const struct work_lane *lane)
{
    uint64_t count = 0, wait_ns = 0, waits = 0, results = 0, messages = 0, usual,
             min_wait = pieces_min_wait(&lane->pieces);
    enum cut cut = work_lane_serves(lane) ? server_cut(lane) : CUT_LANE;

    if (cut != CUT_LANE)
        return cut;
    if (lanes->short_lived)
        return CUT_LANE;
    for (size_t i = 0; i < lane->pieces.count; i++) {
        const struct piece *piece = &lane->pieces.list[i];
        bool handed = !piece->queued && (piece->cause == CAUSE_HANDOFF || piece->cause == CAUSE_IPC);

        results += piece->ends_item;
        messages += piece->cause == CAUSE_IPC && piece->wait_ns;
        waits += counts_as_wait(piece, min_wait);
        count += handed && piece->wait_ns;
        wait_ns += handed ? piece->wait_ns : 0;
    }
    usual = count + results ? (waits + (count + results) / 2) / (count + results) : waits;
    if (waits >= MIN_WAITS && waits * MANY_WAITS > count + results &&
        !(count + results && evenly_spread(&lane->pieces, min_wait, usual)))
        return CUT_WAITS;
    if (count == 0)
        return results ? CUT_HANDOFF : CUT_LANE;
    /*
     * Manager, proxy: the lane asks another one for something again and again, and waits about as long as it works. A
     * pool's dispatcher is no lane.
     */
    if (lanes->processes > 1 && (!messages || lane->dispatched * 2 < messages) &&
        lane->work_ns / count < TINY_ITEM_NS && wait_ns > lane->work_ns / 2)
        return CUT_LANE;
    return CUT_HANDOFF;
}

/* Serial time between rounds of work: phases of the profile. */
static uint64_t rounds_ns(const struct work_lanes *lanes)
{
    uint64_t sum_ns = 0;

    for (size_t i = 0; i < lanes->n_gaps; i++)
        sum_ns += lanes->gaps[i].end_ns - lanes->gaps[i].start_ns;
    return sum_ns;
}

/*
 * Workers wait for who creates or feeds them: what an item takes of a worker's time beyond its work. Whether the
 * dispatcher could do several at once is not asked.
 */
static uint64_t creation_overhead(const struct profile *p, const struct work_lanes *lanes)
{
    uint64_t span_ns = (lanes->last_ns - lanes->first_ns - rounds_ns(lanes)) * lanes->most_live,
             work_ns = profile_total_cpu(p) + profile_total_wait(p);

    return span_ns > work_ns ? (span_ns - work_ns) / p->n_items : 1;
}

/* What the present arrangement pays per item, beyond the items' own work. */
static void item_overheads(struct profile *p, struct work_lanes *lanes, bool in_turn)
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
    if (lanes->short_lived || (p->n_stages < 2 && lanes->handover_matters) ||
        (p->n_stages < 2 && lanes->dispatch_ns * DISPATCH_BOUND > span_ns)) {
        overhead_ns = creation_overhead(p, lanes);
        lanes->by_wall = true;
    }
    lanes->by_wall |= in_turn;
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

    uint64_t gaps_ns = lanes->gaps_ns > rounds_ns(lanes) ? lanes->gaps_ns - rounds_ns(lanes) : 0;

    if (!lanes->short_lived)
        return gaps_ns;
    if (lanes->commands) /* all that was burned belongs to the items */
        return 0;
    return own_ns < gaps_ns ? own_ns : gaps_ns;
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

/* What runs without the interpreter lock is the hand-overs' (futexes, pipes) as far as it goes; the rest is the items'.
 */
static double items_locked_share(double locked, double handover)
{
    return handover < 1 ? 1 - fmax(0, 1 - locked - handover) / (1 - handover) : 1;
}

/*
 * Commands are started under every model, so what that takes belongs to the items: what the program itself does for
 * each, and the shell between them.
 */
static void add_starting(const struct work_lanes *lanes, struct profile *p)
{
    uint64_t shells_ns = lanes->shells_ns < lanes->dispatch_ns ? lanes->shells_ns : lanes->dispatch_ns;
    uint64_t own_ns = lanes->dispatch_ns - shells_ns;

    for (size_t i = 0; i < p->n_items; i++) {
        struct profile_step *step = &p->steps[p->items[i].first_step];

        *(p->interpreter_lock ? &step->locked_cpu_ns : &step->free_cpu_ns) += own_ns / p->n_items;
        step->free_cpu_ns += shells_ns / p->n_items;
    }
}

void profile_worker_options(const struct measurement *m, const struct work_lanes *lanes, const struct work_lane *lane,
                            const struct pattern *pattern, struct cut_options *options)
{
    options->cut = worker_cut(lanes, lane);
    options->handover = lane->handover;
    options->locked = lanes->commands ? 0 : items_locked_share(work_lane_locked_share(m, lanes, lane), lane->handover);
    options->critical = lane->critical;
    options->critical_cpu = lane->critical_cpu;
    options->lock = lane->lock;
    options->worker = !work_lane_serves(lane);
    options->period = pattern->period;
    options->offset = pattern->offset;
    options->min_wait = pieces_min_wait(&lane->pieces);
    options->wait_factor = 1;
}

/* Lanes that only ever take turns, with nothing to be seen that they take: as if they shared one mutex. */
static int find_turns(const struct measurement *m, struct work_lanes *lanes, struct profile *p)
{
    double critical = p->n_locks ? 0 : work_lanes_critical_share(m, lanes);

    if (critical <= 0)
        return 0;
    p->locks = calloc(1, sizeof(*p->locks));
    if (!p->locks)
        return -ENOMEM;
    p->n_locks = 1;
    for (size_t i = 0; i < lanes->count; i++) {
        lanes->list[i].lock = 1;
        lanes->list[i].critical = critical;
    }
    return 0;
}

static size_t first_piece(const struct work_lanes *lanes, const struct work_lane *lane)
{
    size_t first = 0;

    while (lane->creator && first < lane->pieces.count && lane->pieces.list[first].start_ns < lanes->first_ns)
        first++;
    return first;
}

/* How many waits an item has, from all lanes that are cut at waits. */
static int find_pattern(const struct measurement *m, const struct work_lanes *lanes, struct pattern *ret_pattern)
{
    AUTO_FREE const struct pieces **pieces = calloc(lanes->count + 1, sizeof(*pieces));
    AUTO_FREE uint64_t *min_waits = calloc(lanes->count + 1, sizeof(*min_waits));
    AUTO_FREE size_t *first = calloc(lanes->count + 1, sizeof(*first));
    size_t n = 0;

    if (!pieces || !min_waits || !first)
        return -ENOMEM;
    for (size_t i = 0; i < lanes->count && n < PATTERN_LANES; i++) {
        const struct work_lane *lane = &lanes->list[i];

        if (worker_cut(lanes, lane) != CUT_WAITS)
            continue;
        min_waits[n] = pieces_min_wait(&lane->pieces);
        first[n] = first_piece(lanes, lane);
        pieces[n++] = &lane->pieces;
    }
    return n ? pattern_find(m, pieces, first, min_waits, n, ret_pattern) : 0;
}

static int cut_lanes(const struct measurement *m, struct work_lanes *lanes, struct profile_builder *b)
{
    struct pattern pattern = {.period = 1};
    int r = lanes->short_lived ? 0 : find_pattern(m, lanes, &pattern);

    for (size_t i = 0; i < lanes->count && r == 0; i++) {
        struct work_lane *lane = &lanes->list[i];
        struct cut_options options = {.lane = lane->slot};

        if (lanes->short_lived && !lanes->commands)
            take_worker_start(m, lane);
        if (!lanes->short_lived)
            take_forked_start(m, lane);
        profile_worker_options(m, lanes, lane, &pattern, &options);
        lanes->fed |= options.cut == CUT_HANDOFF;
        r = builder_cut(b, &lane->pieces, first_piece(lanes, lane), &options);
    }
    return r;
}

/* Before the first worker, and between rounds, the creator is alone: if it had to wait for a CPU, that was others'. */
static uint64_t ready_alone(const struct measurement *m, const struct work_lanes *lanes)
{
    const struct thread *t = &m->threads[0];
    uint64_t ready_ns = 0, at_ns = t->birth_ns;

    for (size_t i = 0; i < t->n_slices && m->loss.decimation <= 1; i++) {
        const struct slice *s = &t->slices[i];

        /* The last one made the first worker, and goes on until its next wait. */
        if (at_ns + (s->on_cpu_ns + s->runnable_ns) / 2 > lanes->first_ns)
            break;
        ready_ns += s->runnable_ns;
        at_ns += s->on_cpu_ns + s->runnable_ns + s->blocked_ns;
    }
    return ready_ns < lanes->first_ns ? ready_ns : lanes->first_ns;
}

static void add_serial_parts(const struct measurement *m, struct work_lanes *lanes, struct profile *p)
{
    lanes->ready_ns = ready_alone(m, lanes);
    p->head_ns += lanes->first_ns - lanes->ready_ns;
    for (size_t i = 0; i < lanes->n_gaps; i++)
        lanes->ready_ns += lanes->gaps[i].ready_ns;
    p->head_ns += serial_gaps(m, lanes) + (lanes->n_gaps ? lanes->more_gaps_ns : 0);
    p->tail_ns += m->wall_ns > lanes->last_ns ? m->wall_ns - lanes->last_ns : 0;
}

/* Several lanes work: threads, processes, pools, one per item. */
int profile_worker_items(const struct measurement *m, struct work_lanes *lanes, struct profile_builder *b)
{
    struct profile *p = b->profile;
    bool in_turn;
    int r;

    p->current_model = lanes->processes > 1 ? MODEL_PROCESSES : MODEL_THREADS;
    p->current_workers = lanes->most_live;
    p->one_worker_per_item = lanes->short_lived;
    p->commands = lanes->commands;
    r = work_lanes_find_locks(m, lanes, p);
    if (r == 0)
        r = find_turns(m, lanes, p);
    if (r < 0)
        return r;
    in_turn = lanes->list[0].critical >= 1.0;
    r = in_turn ? 0 : profile_stage_items(m, lanes, b);
    if (r > 0) /* what goes through a pipeline is not held up between rounds */
        lanes->n_gaps = 0;
    add_serial_parts(m, lanes, p);
    if (r == 0)
        r = work_lanes_mark_results(m, lanes);
    if (r == 0)
        r = cut_lanes(m, lanes, b);
    if (r < 0)
        return r;
    if (!in_turn)
        handover_batch(m, lanes, b);
    stand_for_omitted(m, lanes, p);
    if (lanes->commands)
        add_starting(lanes, p);
    item_overheads(p, lanes, in_turn);
    return 0;
}
