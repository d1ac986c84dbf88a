/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/profile/profile_lanes.h"

#include "analyzer/profile/profile_handover.h"
#include "base/base.h"

#define MINOR_LANE 10                 /* a lane with less than 1/10 of the work-weighted mean lane's is a helper... */
#define HELPERS_SHARE 20              /* ...if all helpers together did no more than 1/20 of the work */
#define CREATOR_WORKS 4               /* a creator is a worker if it did 1/4 of what each lane at a time did */
#define SERIAL_SHARE 10               /* all others together did less than 1/10: the program is serial */
#define TICKER_CPU 100                /* sleeps only, with CPU below 1/100 of them: a ticker */
#define TICKER_SLEEPS 10              /* and fewer hand-overs than one in so many sleeps */
#define MIN_FEEDS 50                  /* waits for others, before a thread can be told to feed them... */
#define FEED_NS (200 * NSEC_PER_USEC) /* ...after less work than this each time */
#define HANDOVER_MATTERS 4            /* handing over takes 1/4 of all CPU */
#define MIN_SHORT_LIVED 6             /* lanes before "one per item" can be told from a pool */

static uint64_t waits_outside(const struct thread *t)
{
    return t->blocked_ns[CAUSE_NETWORK] + t->blocked_ns[CAUSE_DISK] + t->blocked_ns[CAUSE_PIPE] +
           t->blocked_ns[CAUSE_SLEEP];
}

/* Does it take something over, or hand something on, as often as once in ten sleeps? A stage of a pipeline does. */
static bool passes_on(const struct measurement *m, const struct thread *t)
{
    uint64_t passed = t->blocked_count[CAUSE_HANDOFF] + t->blocked_count[CAUSE_IPC];

    for (size_t i = 0; i < m->n_wakers; i++)
        if (m->wakers[i].waker_tid == t->tid &&
            (m->wakers[i].cause == CAUSE_HANDOFF || m->wakers[i].cause == CAUSE_IPC))
            passed += m->wakers[i].count;
    return passed * TICKER_SLEEPS >= t->blocked_count[CAUSE_SLEEP] && passed > 1;
}

/*
 * A thread that sleeps in a rhythm and does next to nothing: it neither is work nor bounds it. One that was parked in
 * between is a pool's worker with a long item.
 */
static bool is_ticker(const struct measurement *m, const struct thread *t)
{
    return t->blocked_ns[CAUSE_SLEEP] && !t->blocked_count[CAUSE_IDLE] &&
           waits_outside(t) == t->blocked_ns[CAUSE_SLEEP] && t->on_cpu_ns * TICKER_CPU < t->blocked_ns[CAUSE_SLEEP] &&
           !passes_on(m, t);
}

/* Rows by tid, so that programs with thousands of threads are looked up fast. */
struct tid_row {
    int32_t tid;
    size_t row;
};

static int compare_tids(const void *a, const void *b)
{
    const struct tid_row *x = a, *y = b;

    if (x->tid != y->tid)
        return x->tid < y->tid ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

static struct tid_row *sort_tids(const struct measurement *m)
{
    struct tid_row *rows = calloc(m->n_threads + 1, sizeof(*rows));

    for (size_t i = 0; rows && i < m->n_threads; i++)
        rows[i] = (struct tid_row){m->threads[i].tid, i};
    if (rows)
        qsort(rows, m->n_threads, sizeof(*rows), compare_tids);
    return rows;
}

/* The last row with that tid born before `row` (tids are used again); SIZE_MAX: none. */
static size_t find_row(const struct tid_row *rows, size_t n, int32_t tid, size_t row)
{
    const struct tid_row key = {tid, row};
    size_t low = 0, high = n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (compare_tids(&rows[middle], &key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 && rows[low - 1].tid == tid ? rows[low - 1].row : SIZE_MAX;
}

static uint64_t own_cpu(const struct thread *t, double handover)
{
    return (uint64_t)((1 - handover) * (double)t->on_cpu_ns);
}

static uint64_t *thread_works(const struct measurement *m, const double *handover)
{
    uint64_t *works = calloc(m->n_threads + 1, sizeof(*works)), plain = 0;

    if (!works)
        return NULL;
    for (size_t i = 0; i < m->n_threads; i++) {
        const struct thread *t = &m->threads[i];

        works[i] = t->runtime_internal ? 0 : own_cpu(t, handover[i]) + waits_outside(t);
        if (works[i] && !is_ticker(m, t))
            plain += works[i];
    }
    /* Tickers count only where sleeping is what the program does. */
    for (size_t i = 0; i < m->n_threads; i++)
        if (works[i] && is_ticker(m, &m->threads[i]) && plain * 5 > m->wall_ns)
            works[i] = 0;
    return works;
}

/* Mark creators: threads with a child (thread or process) whose subtree works. */
static bool *find_creators(const struct measurement *m, const uint64_t *works)
{
    bool *creators = calloc(m->n_threads + 1, sizeof(*creators));
    AUTO_FREE bool *busy = calloc(m->n_threads + 1, sizeof(*busy));
    AUTO_FREE struct tid_row *rows = sort_tids(m);
    uint64_t total = 0;

    if (!creators || !busy || !rows) {
        free(creators);
        return NULL;
    }
    for (size_t i = 0; i < m->n_threads; i++)
        total += works[i];
    /* Rows are in order of birth, so children come after their creators. */
    for (size_t i = m->n_threads; i-- > 0;) {
        size_t parent = m->threads[i].parent_tid ? find_row(rows, m->n_threads, m->threads[i].parent_tid, i) : SIZE_MAX;
        bool works_itself = works[i] * MINOR_LANE * (m->n_threads + 1) > total;

        busy[i] |= works_itself || creators[i];
        if (busy[i] && parent != SIZE_MAX) {
            creators[parent] = true;
            busy[parent] = true;
        }
    }
    return creators;
}

static int compare_works(const void *a, const void *b)
{
    uint64_t x = **(const uint64_t *const *)a, y = **(const uint64_t *const *)b;

    return (x > y) - (x < y);
}

/*
 * Drop the smallest lanes, as long as each is minor next to where the work is and all of them together are little:
 * feeders and collectors go, a long tail of small items stays.
 */
static int drop_helpers(uint64_t *works, size_t n, uint64_t total_ns)
{
    AUTO_FREE uint64_t **sorted = calloc(n + 1, sizeof(*sorted));
    uint64_t dropped_ns = 0;
    double weighted_ns = 0;

    if (!sorted)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        sorted[i] = &works[i];
        weighted_ns += (double)works[i] * (double)works[i] / (double)(total_ns ? total_ns : 1);
    }
    qsort(sorted, n, sizeof(*sorted), compare_works);
    for (size_t i = 0; i < n; i++) {
        dropped_ns += *sorted[i];
        if ((double)*sorted[i] * MINOR_LANE > weighted_ns || dropped_ns * HELPERS_SHARE > total_ns)
            break;
        *sorted[i] = 0;
    }
    return 0;
}

/*
 * A thread of a process that has workers in other processes, and does next to nothing between waiting for these: it
 * feeds and collects (executor managers, queue feeders). Where items are small it works hard, but it does no items.
 */
static bool feeds(const struct measurement *m, const struct thread *t)
{
    uint64_t count = t->blocked_count[CAUSE_IPC] + t->blocked_count[CAUSE_HANDOFF];

    if (count < MIN_FEEDS || t->on_cpu_ns / count > FEED_NS || waits_outside(t) * MINOR_LANE > t->on_cpu_ns)
        return false;
    for (size_t i = 0; i < m->n_processes; i++)
        if (m->processes[i].parent_pid == t->pid)
            return true;
    return false;
}

/*
 * Keep the lanes that matter; with a serial program the one that does the work. With an executor those behind the loop.
 * @return 0 or -ENOMEM
 */
static int choose_workers(const struct measurement *m, const struct executor *executor, uint64_t *works,
                          const bool *creators)
{
    uint64_t workers_ns = 0, total_ns = 0;
    size_t largest = 0;

    for (size_t i = 0; i < m->n_threads && executor->loop; i++)
        if (&m->threads[i] == executor->thread)
            works[i] = 0;

    for (size_t i = 0; i < m->n_threads; i++) {
        if (works[i] && !creators[i] && m->threads[i].tid != m->threads[i].pid && feeds(m, &m->threads[i]))
            works[i] = 0;
        total_ns += works[i];
        if (works[i] > works[largest])
            largest = i;
        if (!creators[i])
            workers_ns += works[i];
    }
    bool serial = workers_ns * SERIAL_SHARE < total_ns;

    for (size_t i = 0; i < m->n_threads; i++)
        if (serial ? i != largest : creators[i])
            works[i] = 0;
    return serial ? 0 : drop_helpers(works, m->n_threads, workers_ns);
}

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
static int add_creators(const struct measurement *m, struct work_lanes *lanes, const bool *creators,
                        const double *handover)
{
    CLEANUP(owners_clear) struct owners owners = {0};
    AUTO_FREE struct work_span *spans = NULL;
    uint64_t workers_ns = 0, gaps_cpu_ns = 0, active_ns = 0, live = lanes->most_live;
    size_t n_spans = 0, workers = lanes->count;
    bool one_per_item = lanes->short_lived = comes_and_goes(lanes), fed = false;
    int r = owners_find(m, creators, &owners);

    if (r == 0)
        r = work_lanes_active(lanes, &spans, &n_spans);
    /* What a feeder does while workers wait for it is no part of the program that is serial by itself. */
    for (size_t i = 0; i < owners.n; i++)
        fed |= workers > 1 && feeds(m, &m->threads[owners.rows[i]]);
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
        double share = handover[owners.rows[i]];
        uint64_t work_ns, cpu_ns;

        creator_work(&owners.pieces[i], share, lanes, spans, n_spans, &work_ns, &cpu_ns);
        /* Creating a worker for each item is work, too, but not the program's. */
        if (one_per_item || &m->threads[owners.rows[i]] == lanes->executor.thread ||
            work_ns * CREATOR_WORKS * live < workers_ns || (workers > 1 && feeds(m, &m->threads[owners.rows[i]]))) {
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

/* Whoever pays for it: those who feed stand in the way of those who work, on the CPUs or at the interpreter lock. */
static bool handover_matters(const struct measurement *m, const double *handover)
{
    double handover_ns = 0;

    for (size_t i = 0; i < m->n_threads; i++)
        handover_ns += handover[i] * (double)m->threads[i].on_cpu_ns;
    return handover_ns * HANDOVER_MATTERS > (double)m->on_cpu_ns;
}

/* Helper threads (feeders, collectors) are no workers: what they burned is dispatch, too. */
static void add_helpers(const struct measurement *m, struct work_lanes *lanes, const uint64_t *works,
                        const bool *creators)
{
    for (size_t i = 0; i < m->n_threads && lanes->count > 1; i++)
        if (!works[i] && !creators[i] && !m->threads[i].runtime_internal && !is_ticker(m, &m->threads[i]))
            lanes->dispatch_ns += m->threads[i].on_cpu_ns;
}

int work_lanes_find(const struct measurement *m, struct work_lanes *ret_lanes)
{
    AUTO_FREE double *handover = NULL;
    int r = handover_shares(m, &handover);
    AUTO_FREE uint64_t *works = r == 0 ? thread_works(m, handover) : NULL;
    AUTO_FREE bool *creators = works ? find_creators(m, works) : NULL;
    CLEANUP(work_lanes_clear) struct work_lanes lanes = {0};

    if (!works || !creators)
        return -ENOMEM;
    executor_find(m, &lanes.executor);
    r = choose_workers(m, &lanes.executor, works, creators);
    if (r < 0)
        return r;
    lanes.list = calloc(m->n_threads + 1, sizeof(*lanes.list));
    if (!lanes.list)
        return -ENOMEM;
    for (size_t i = 0; i < m->n_threads; i++) {
        r = works[i] ? add_lane(m, &lanes, i, works[i], handover[i], false) : 0;
        if (r < 0)
            return r;
    }
    if (!lanes.count)
        return -ENODATA;
    r = find_span(&lanes);
    if (r == 0 && !(lanes.count == 1 && creators[lanes.list[0].thread - m->threads]))
        r = add_creators(m, &lanes, creators, handover);
    if (r < 0)
        return r;
    add_helpers(m, &lanes, works, creators);
    count_shape(&lanes);
    lanes.handover_matters = handover_matters(m, handover);
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
