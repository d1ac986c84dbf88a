/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/profile/profile_lanes.h"

#include "analyzer/profile/profile_roles.h"
#include "base/base.h"

#define CREATOR_WORKS 4   /* a creator is a worker if it did 1/4 of what each lane at a time did */
#define MIN_SHORT_LIVED 6 /* lanes before "one per item" can be told from a pool */

struct edge {
    uint64_t at_ns;
    int change;
};

static int compare_edges(const void *a, const void *b)
{
    const struct edge *x = a, *y = b;

    if (x->at_ns != y->at_ns)
        return x->at_ns < y->at_ns ? -1 : 1;
    return x->change - y->change; /* an end before a start: lanes that follow each other do not overlap */
}

/* Fill first, last, gaps and most_live from the lanes' lives. */
static int find_span(struct work_lanes *lanes)
{
    AUTO_FREE struct edge *edges = calloc(2 * lanes->count + 1, sizeof(*edges));
    uint64_t empty_since = 0;
    int live = 0;

    if (!edges)
        return -ENOMEM;
    for (size_t i = 0; i < lanes->count; i++) {
        const struct thread *t = lanes->list[i].thread;

        edges[2 * i] = (struct edge){t->birth_ns, 1};
        edges[2 * i + 1] = (struct edge){t->death_ns > t->birth_ns ? t->death_ns : t->birth_ns + 1, -1};
    }
    qsort(edges, 2 * lanes->count, sizeof(*edges), compare_edges);
    lanes->first_ns = edges[0].at_ns;
    lanes->last_ns = edges[2 * lanes->count - 1].at_ns;
    lanes->gaps_ns = 0;
    lanes->most_live = 0;
    for (size_t i = 0; i < 2 * lanes->count; i++) {
        if (live == 0 && i)
            lanes->gaps_ns += edges[i].at_ns - empty_since;
        live += edges[i].change;
        if (live == 0)
            empty_since = edges[i].at_ns;
        if (live > (int)lanes->most_live)
            lanes->most_live = (uint32_t)live;
    }
    return 0;
}

/* A native program that another one started: nobody can call it as a function, so every model has to start it. */
static bool is_command(const struct process *process)
{
    return process && process->execed && process->parent_pid && !process->launcher &&
           process->runtime == RUNTIME_NATIVE;
}

static const struct process *process_of(const struct measurement *m, const struct thread *t)
{
    for (size_t i = 0; i < m->n_processes; i++)
        if (m->processes[i].pid == t->pid)
            return &m->processes[i];
    return NULL;
}

static int add_lane(const struct measurement *m, struct work_lanes *lanes, size_t index, uint64_t work_ns,
                    double handover, bool creator)
{
    struct work_lane *lane = &lanes->list[lanes->count];
    int r;

    *lane =
        (struct work_lane){.thread = &m->threads[index], .work_ns = work_ns, .handover = handover, .creator = creator};
    r = pieces_from_thread(lane->thread, &lane->pieces);
    if (r < 0)
        return r;
    lanes->count++;
    for (size_t i = 0; i < m->n_loops; i++)
        if (m->loops[i].tid == lane->thread->tid)
            lane->loop = &m->loops[i];
    lane->process = process_of(m, lane->thread);
    return 0;
}

/*
 * What a creator did while its workers did something, too: CPU but for hand-overs, and waits that are not sleeping
 * until they are done. What it does while they stand still is a serial part between rounds.
 */
static void creator_work(const struct pieces *pieces, double handover, const struct work_lanes *lanes,
                         const struct work_span *spans, size_t n_spans, uint64_t *ret_work_ns, uint64_t *ret_cpu_ns)
{
    double own_ns = 0;

    *ret_work_ns = *ret_cpu_ns = 0;
    for (size_t i = 0; i < pieces->count; i++) {
        const struct piece *piece = &pieces->list[i];
        uint64_t end_ns = i + 1 < pieces->count ? pieces->list[i + 1].start_ns : piece->start_ns + piece->cpu_ns;
        uint64_t cpu_end_ns = piece->start_ns + piece->cpu_ns;

        if (piece->start_ns < lanes->first_ns || end_ns > lanes->last_ns)
            continue;
        *ret_cpu_ns += piece->cpu_ns;
        own_ns += (1 - handover) * (double)work_spans_overlap(spans, n_spans, piece->start_ns, cpu_end_ns);
        if (piece_waits_outside(piece) && piece->cause != CAUSE_SLEEP)
            *ret_work_ns += work_spans_overlap(spans, n_spans, cpu_end_ns, cpu_end_ns + piece->wait_ns);
    }
    *ret_work_ns += (uint64_t)own_ns;
}

static bool comes_and_goes(const struct work_lanes *lanes)
{
    return lanes->count >= MIN_SHORT_LIVED && lanes->count >= 2 * (size_t)lanes->most_live;
}

/* The creators' pieces, for as long as it is not decided whether they are workers. */
struct owners {
    struct pieces *pieces;
    size_t *rows;
    size_t n;
};

static void owners_clear(struct owners *owners)
{
    for (size_t i = 0; i < owners->n; i++)
        free(owners->pieces[i].list);
    free(owners->pieces);
    free(owners->rows);
}

static int owners_find(const struct measurement *m, const bool *creators, struct owners *owners)
{
    size_t n = 0;

    for (size_t i = 0; i < m->n_threads; i++)
        n += creators[i] && !m->threads[i].runtime_internal;
    owners->pieces = calloc(n + 1, sizeof(*owners->pieces));
    owners->rows = calloc(n + 1, sizeof(*owners->rows));
    if (!owners->pieces || !owners->rows)
        return -ENOMEM;
    for (size_t i = 0; i < m->n_threads; i++) {
        int r;

        if (!creators[i] || m->threads[i].runtime_internal)
            continue;
        r = pieces_from_thread(&m->threads[i], &owners->pieces[owners->n]);
        if (r < 0)
            return r;
        owners->rows[owners->n++] = i;
    }
    return 0;
}

/* Creators that worked as hard as their workers join them; of the others, the CPU spent meanwhile is dispatch. */
static int add_creators(const struct measurement *m, struct work_lanes *lanes, const struct thread_roles *roles)
{
    CLEANUP(owners_clear) struct owners owners = {0};
    AUTO_FREE struct work_span *spans = NULL;
    uint64_t workers_ns = 0, gaps_cpu_ns = 0, active_ns = 0, live = lanes->most_live;
    size_t n_spans = 0, workers = lanes->count;
    bool one_per_item = lanes->short_lived = comes_and_goes(lanes), fed = false;
    int r = owners_find(m, roles->creators, &owners);

    if (r == 0)
        r = work_lanes_active(lanes, &spans, &n_spans);
    /* What a feeder does while workers wait for it is no part of the program that is serial by itself. */
    for (size_t i = 0; i < owners.n; i++)
        fed |= workers > 1 && thread_feeds(m, &m->threads[owners.rows[i]]);
    if (r == 0 && !fed)
        r = work_lanes_find_gaps(m, lanes, spans, n_spans, owners.pieces, owners.n);
    for (size_t i = 0; i < n_spans; i++)
        active_ns += spans[i].end_ns - spans[i].start_ns;
    lanes->still_ns = lanes->last_ns - lanes->first_ns > active_ns ? lanes->last_ns - lanes->first_ns - active_ns : 0;
    for (size_t i = 0; i < workers; i++)
        workers_ns += lanes->list[i].work_ns;
    for (size_t i = 0; i < lanes->n_gaps; i++)
        gaps_cpu_ns += lanes->gaps[i].cpu_ns;
    for (size_t i = 0; i < owners.n && r == 0; i++) {
        double share = roles->handover[owners.rows[i]];
        uint64_t work_ns, cpu_ns;

        creator_work(&owners.pieces[i], share, lanes, spans, n_spans, &work_ns, &cpu_ns);
        /* Creating a worker for each item is work, too, but not the program's. */
        if (one_per_item || &m->threads[owners.rows[i]] == lanes->executor.thread ||
            work_ns * CREATOR_WORKS * live < workers_ns ||
            (workers > 1 && thread_feeds(m, &m->threads[owners.rows[i]]))) {
            lanes->dispatch_ns += cpu_ns;
            lanes->shells_ns += is_command(process_of(m, &m->threads[owners.rows[i]])) ? cpu_ns : 0;
            continue;
        }
        r = add_lane(m, lanes, owners.rows[i], work_ns, share, true);
        lanes->most_live += r == 0;
        /* It is a worker itself: what it did is in its items. */
        lanes->n_gaps = 0;
        lanes->more_gaps_ns = 0;
    }
    lanes->dispatch_ns -= lanes->dispatch_ns < gaps_cpu_ns ? lanes->dispatch_ns : gaps_cpu_ns;
    return r;
}

static void count_shape(struct work_lanes *lanes)
{
    lanes->commands = true;
    for (size_t i = 0; i < lanes->count; i++) {
        bool seen = false;

        lanes->commands &= is_command(lanes->list[i].process);
        lanes->loops += lanes->list[i].loop != NULL;
        /* Whether one, two or a few is what matters. */
        for (size_t k = 0; k < i && !seen && lanes->processes < 64; k++)
            seen = lanes->list[k].thread->pid == lanes->list[i].thread->pid;
        lanes->processes += !seen;
    }
    lanes->short_lived = comes_and_goes(lanes);
    lanes->commands &= lanes->short_lived;
}

/* Helper threads (feeders, collectors) are no workers: what they burned is dispatch, too. */
static void add_helpers(const struct measurement *m, struct work_lanes *lanes, const struct thread_roles *roles)
{
    for (size_t i = 0; i < m->n_threads && lanes->count > 1; i++)
        if (!roles->works[i] && !roles->creators[i] && !m->threads[i].runtime_internal &&
            !thread_is_ticker(m, &m->threads[i]))
            lanes->dispatch_ns += m->threads[i].on_cpu_ns;
}

int work_lanes_find(const struct measurement *m, struct work_lanes *ret_lanes)
{
    CLEANUP(thread_roles_clear) struct thread_roles roles = {0};
    CLEANUP(work_lanes_clear) struct work_lanes lanes = {0};
    int r;

    executor_find(m, &lanes.executor);
    r = thread_roles_find(m, &lanes.executor, &roles);
    if (r < 0)
        return r;
    lanes.list = calloc(m->n_threads + 1, sizeof(*lanes.list));
    if (!lanes.list)
        return -ENOMEM;
    for (size_t i = 0; i < m->n_threads; i++) {
        r = roles.works[i] ? add_lane(m, &lanes, i, roles.works[i], roles.handover[i], false) : 0;
        if (r < 0)
            return r;
    }
    if (!lanes.count)
        return -ENODATA;
    r = find_span(&lanes);
    if (r == 0 && !(lanes.count == 1 && roles.creators[lanes.list[0].thread - m->threads]))
        r = add_creators(m, &lanes, &roles);
    if (r < 0)
        return r;
    add_helpers(m, &lanes, &roles);
    count_shape(&lanes);
    lanes.handover_matters = roles.handover_matters;
    r = work_lanes_place(&lanes);
    if (r < 0)
        return r;
    work_lanes_mark_phases(&lanes);
    *ret_lanes = lanes;
    lanes = (struct work_lanes){0};
    return 0;
}

void work_lanes_clear(struct work_lanes *lanes)
{
    for (size_t i = 0; i < lanes->count; i++)
        free(lanes->list[i].pieces.list);
    free(lanes->list);
    free(lanes->gaps);
    free(lanes->by_tid);
    *lanes = (struct work_lanes){0};
}

bool work_lane_serves(const struct work_lane *lane)
{
    return lane->process && lane->process->listens;
}
