/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/profile.h"

#include <math.h>

#include "analyzer/profile_items.h"
#include "analyzer/profile_lanes.h"
#include "base/base.h"

#define CHUNKS 64                            /* a serial CPU burst is assumed to fall into this many parts... */
#define MIN_CHUNK_NS NSEC_PER_MSEC           /* ...none shorter than this */
#define LONG_BURST 4                         /* a burst above 1/4 of all CPU is divided, too... */
#define WORTH_DIVIDING 10                    /* ...if it is 1/10 of all time: not a program's last breath */
#define PYTHON_START_NS (15 * NSEC_PER_MSEC) /* CPython to its first line, where no sample tells */
#define BLOCKED_LOOP 5                       /* 1/5 of the loop's time blocked in turns: it runs its items one by one */
#define TELLING_AWAIT_NS (5 * NSEC_PER_MSEC) /* sleeps in a loop: shorter ones are the gaps between many timers */
#define TELLING_TURN_NS (300 * NSEC_PER_USEC) /* CPU between them: more than this wakes more than one task */
#define TINY_ITEM_NS (200 * NSEC_PER_USEC)    /* with items below this, hand-overs that outweigh them are round trips */
#define FORK_CPU_NS NSEC_PER_MSEC             /* a forked interpreter's own start, at most half of what it used */
#define NATIVE_FORK_CPU_NS (100 * NSEC_PER_USEC) /* the same for native code: page faults */
#define EXEC_CPU_NS (12 * NSEC_PER_MSEC)         /* the same for an interpreter started afresh */

static int compare_u64(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

void profile_free(struct profile *p)
{
    if (!p)
        return;
    free(p->steps);
    free(p->items);
    free(p);
}

void profile_freep(struct profile **p)
{
    profile_free(*p);
}

/* CPU samples that stand on the import machinery: start-up, not work. */
static uint64_t import_cpu(const struct measurement *m, int32_t pid)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < m->n_sites; i++) {
        const struct site *site = &m->sites[i];
        bool import = false;

        for (size_t f = 0; f < site->n_frames && !import; f++)
            import = (site->frames[f].file && strstr(site->frames[f].file, "importlib._bootstrap")) ||
                     (site->frames[f].module && strstr(site->frames[f].module, "importlib._bootstrap"));
        if (site->on_cpu && site->pid == pid && import)
            sum += site->time_ns;
    }
    return sum;
}

static uint64_t start_up_cpu(const struct measurement *m, const struct work_lane *lane)
{
    uint64_t start_ns = m->target.runtime.kind == RUNTIME_CPYTHON ? PYTHON_START_NS : 0;
    uint64_t import_ns = import_cpu(m, lane->thread->pid);

    if (import_ns > start_ns)
        start_ns = import_ns;
    return start_ns < lane->thread->on_cpu_ns / 2 ? start_ns : lane->thread->on_cpu_ns / 2;
}

/* Take `ns` of CPU off the front of the lane: it is start-up and goes to the head. */
static void take_start_up(struct profile *p, struct pieces *pieces, uint64_t ns)
{
    p->serial_cpu_ns += ns;
    p->head_ns += ns;
    for (size_t i = 0; i < pieces->count && ns; i++) {
        struct piece *piece = &pieces->list[i];
        uint64_t part = piece->cpu_ns < ns ? piece->cpu_ns : ns;

        piece->cpu_ns -= part;
        ns -= part;
    }
}

static uint64_t total_cpu(const struct profile *p)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < p->n_steps; i++)
        sum += p->steps[i].locked_cpu_ns + p->steps[i].free_cpu_ns;
    return sum;
}

static uint64_t total_wait(const struct profile *p)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < p->n_steps; i++)
        sum += p->steps[i].wait_ns;
    return sum;
}

/* Chunk length for a program with that much CPU in one lane. */
static uint64_t chunk_length(uint64_t cpu_ns)
{
    return cpu_ns / CHUNKS > MIN_CHUNK_NS ? cpu_ns / CHUNKS + 1 : MIN_CHUNK_NS;
}

/* Divide where one burst outweighs the rest: its boundaries are then an assumption, and marked as one. */
static int divide_long_bursts(struct profile_builder *b)
{
    const struct profile *p = b->profile;
    uint64_t cpu_ns = total_cpu(p), longest_ns = 0;

    for (size_t i = 0; i < p->n_steps; i++)
        if (p->steps[i].locked_cpu_ns + p->steps[i].free_cpu_ns > longest_ns && !p->steps[i].critical)
            longest_ns = p->steps[i].locked_cpu_ns + p->steps[i].free_cpu_ns;
    if (longest_ns * LONG_BURST <= cpu_ns || longest_ns * WORTH_DIVIDING <= cpu_ns + total_wait(p) ||
        longest_ns <= chunk_length(cpu_ns))
        return 0;
    return builder_divide(b, chunk_length(cpu_ns));
}

static bool serves(const struct work_lane *lane)
{
    return lane->process && lane->process->listens;
}

/*
 * Everything before the first wait that counts is the head of a serial lane (DESIGN 2), short waits included.
 * @return index of the piece that begins with that wait; its CPU has been moved to the head
 */
static size_t take_head(struct profile *p, struct pieces *pieces, uint64_t min_wait)
{
    for (size_t i = 0; i < pieces->count; i++) {
        struct piece *piece = &pieces->list[i];

        p->head_ns += piece->cpu_ns;
        p->serial_cpu_ns += piece->cpu_ns;
        piece->cpu_ns = 0;
        if ((piece_waits_outside(piece) && piece->wait_ns && piece->wait_ns >= min_wait) || piece->cause == CAUSE_IDLE)
            return i;
        if (piece_waits_outside(piece))
            p->head_ns += piece->wait_ns;
    }
    return pieces->count;
}

static bool any_wait(const struct pieces *pieces)
{
    for (size_t i = 0; i < pieces->count; i++)
        if ((piece_waits_outside(&pieces->list[i]) || pieces->list[i].cause == CAUSE_IDLE) && pieces->list[i].wait_ns)
            return true;
    return false;
}

/* One lane does the work: a wait and the burst after it are an item; a mere burst is divided. */
static int serial_items(const struct measurement *m, struct work_lanes *lanes, struct profile_builder *b)
{
    struct work_lane *lane = &lanes->list[0];
    struct profile *p = b->profile;
    struct cut_options options = {
        .cut = CUT_WAITS,
        .locked = work_lane_locked_share(m, lanes, lane),
        .min_wait = pieces_min_wait(&lane->pieces),
        .wait_factor = 1,
    };
    uint64_t start_ns = start_up_cpu(m, lane), burst_ns = 0;
    size_t first = 0;
    int r;

    p->current_model = MODEL_SERIAL;
    p->current_workers = 1;
    p->head_ns += lane->thread->birth_ns;
    p->tail_ns += m->wall_ns > lane->thread->death_ns ? m->wall_ns - lane->thread->death_ns : 0;
    for (size_t i = 0; i < lane->pieces.count; i++) {
        burst_ns += lane->pieces.list[i].cpu_ns;
        if (piece_waits_outside(&lane->pieces.list[i]) && lane->pieces.list[i].wait_ns >= options.min_wait)
            break;
    }
    /* The first burst is the head, unless it is most of the work: then only its start-up is. */
    if (any_wait(&lane->pieces) && burst_ns * 2 < lane->work_ns)
        first = take_head(p, &lane->pieces, options.min_wait);
    else
        take_start_up(p, &lane->pieces, start_ns);
    r = builder_cut(b, &lane->pieces, first, &options);
    return r < 0 ? r : divide_long_bursts(b);
}

/* Waits of a loop that overlap stand for more waiting than the loop saw: `outstanding` at once, on the average. */
static double loop_wait_factor(const struct work_lane *lane)
{
    return lane->loop->outstanding_mean > 1 ? lane->loop->outstanding_mean : 1;
}

/*
 * Rebuild the items of a loop with `at_once` waits outstanding: it is woken once for several answers, and one of its
 * waits stands for many. Equal items, as many as keep that number in flight for as long as the loop ran.
 */
static int rebuild_loop_items(struct profile_builder *b, size_t first_item, size_t first_step, size_t at_once)
{
    struct profile *p = b->profile;
    struct profile_step sum = {0};
    size_t have = p->n_items - first_item, want = (have + at_once / 2) / at_once * at_once;

    if (!have || at_once < 2)
        return 0;
    if (want < at_once)
        want = at_once;
    for (size_t i = first_step; i < p->n_steps; i++) {
        sum.locked_cpu_ns += p->steps[i].locked_cpu_ns;
        sum.free_cpu_ns += p->steps[i].free_cpu_ns;
        sum.wait_ns += p->steps[i].wait_ns;
    }
    p->n_items = first_item;
    p->n_steps = first_step;
    if (base_grow(&p->steps, &b->steps_capacity, first_step + 2 * want, sizeof(*p->steps)) < 0 ||
        base_grow(&p->items, &b->items_capacity, first_item + want, sizeof(*p->items)) < 0)
        return -ENOMEM;
    for (size_t i = 0; i < want; i++) {
        p->items[p->n_items++] = (struct profile_item){.first_step = p->n_steps, .n_steps = 2};
        p->steps[p->n_steps++] = (struct profile_step){.wait_ns = sum.wait_ns / want};
        p->steps[p->n_steps++] =
            (struct profile_step){.locked_cpu_ns = sum.locked_cpu_ns / want, .free_cpu_ns = sum.free_cpu_ns / want};
    }
    b->open_first = p->n_steps;
    return 0;
}

static bool loop_blocked(const struct event_loop *loop)
{
    uint64_t all_ns = loop->wait_ns + loop->busy_cpu_ns + loop->blocked_in_turn_ns;

    return loop->blocked_in_turn_ns && loop->blocked_in_turn_ns * BLOCKED_LOOP >= all_ns;
}

/* CPU of the middle one of the turns that ended in a wait; the first is start-up. */
static uint64_t usual_turn(const struct pieces *pieces)
{
    AUTO_FREE uint64_t *turns = calloc(pieces->count + 1, sizeof(*turns));
    size_t n = 0;

    for (size_t i = 1; turns && i < pieces->count; i++)
        if (piece_waits_outside(&pieces->list[i]) && pieces->list[i].wait_ns)
            turns[n++] = pieces->list[i].cpu_ns;
    if (!n)
        return 0;
    qsort(turns, n, sizeof(*turns), compare_u64);
    return turns[n / 2];
}

/*
 * Could these be awaits one after another? Known connections say so. Of timers nobody knows how many there are: only
 * sleeps long enough to be meant, with turns short enough for one task, are taken for one by one.
 */
static bool awaits_countable(const struct work_lane *lane)
{
    const struct event_loop *loop = lane->loop;

    if (loop->outstanding_max > 0 || loop->turns == 0)
        return true;
    return loop->wait_ns / loop->turns >= TELLING_AWAIT_NS && usual_turn(&lane->pieces) <= TELLING_TURN_NS;
}

/* One event loop lane. Several waits overlapped already: rebuild each of them. */
static int loop_items(const struct measurement *m, struct work_lanes *lanes, struct work_lane *lane,
                      struct profile_builder *b)
{
    struct profile *p = b->profile;
    bool blocked = loop_blocked(lane->loop), countable = awaits_countable(lane);
    double factor = blocked ? 1 : loop_wait_factor(lane);
    size_t first_item = p->n_items, first_step = p->n_steps, first;
    struct cut_options options = {
        .cut = blocked || countable || serves(lane) ? CUT_WAITS : CUT_LANE,
        .locked = work_lane_locked_share(m, lanes, lane),
        .min_wait = pieces_min_wait(&lane->pieces),
        .wait_factor = factor,
    };
    int r;

    p->event_loop_blocked |= blocked;
    p->current_workers += blocked ? 1 : (uint32_t)lround(factor);
    if (any_wait(&lane->pieces) && lane->loop->busy_cpu_ns * 2 < lane->work_ns) {
        uint64_t before_ns = p->head_ns;

        first = take_head(p, &lane->pieces, options.min_wait);
        /* Loops in several processes start side by side. */
        if (lane != &lanes->list[0])
            p->head_ns = before_ns;
    } else {
        take_start_up(p, &lane->pieces, start_up_cpu(m, lane));
        first = 0;
    }
    r = builder_cut(b, &lane->pieces, first, &options);
    if (r == 0 && !blocked && options.cut == CUT_WAITS)
        r = rebuild_loop_items(b, first_item, first_step, (size_t)lround(factor));
    return r;
}

static int event_loop_items(const struct measurement *m, struct work_lanes *lanes, struct profile_builder *b)
{
    struct profile *p = b->profile;
    int r = 0;

    p->current_model = lanes->processes > 1 ? MODEL_PROCESSES_COROUTINES : MODEL_COROUTINES;
    p->current_workers = 0;
    p->head_ns += lanes->first_ns;
    p->tail_ns += m->wall_ns > lanes->last_ns ? m->wall_ns - lanes->last_ns : 0;
    for (size_t i = 0; i < lanes->count && r == 0; i++) {
        const struct cut_options whole = {
            .locked = work_lane_locked_share(m, lanes, &lanes->list[i]), .wait_factor = 1, .min_wait = 1};

        r = lanes->list[i].loop ? loop_items(m, lanes, &lanes->list[i], b)
                                : builder_cut(b, &lanes->list[i].pieces, 0, &whole);
    }
    return r < 0 ? r : divide_long_bursts(b);
}

/* CPU that a forked worker spends on its own start. */
static uint64_t fork_cpu(const struct measurement *m)
{
    if (m->replay_process_start_ns)
        return m->replay_process_start_ns / 2;
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

/* Hand-overs per lane that look like a queue's: then each begins an item. */
static enum cut worker_cut(const struct work_lanes *lanes, const struct work_lane *lane)
{
    uint64_t count = 0, wait_ns = 0;

    for (size_t i = 0; i < lane->pieces.count; i++) {
        const struct piece *piece = &lane->pieces.list[i];
        bool handed = piece->cause == CAUSE_HANDOFF || piece->cause == CAUSE_IPC;

        if (serves(lane) && piece->cause == CAUSE_IDLE && piece->wait_ns)
            return CUT_HANDOFF;
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
    uint64_t span_ns = (lanes->last_ns - lanes->first_ns) * lanes->most_live, work_ns = total_cpu(p) + total_wait(p);

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
static int worker_items(const struct measurement *m, struct work_lanes *lanes, struct profile_builder *b)
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

/* CPU that no item holds ran before, after or between them. */
static void serial_cpu(const struct measurement *m, const struct work_lanes *lanes, struct profile *p)
{
    uint64_t items_ns = total_cpu(p) + lanes->dispatch_ns;
    uint64_t rest_ns = m->on_cpu_ns > items_ns ? m->on_cpu_ns - items_ns : 0;

    p->serial_cpu_ns = rest_ns < p->head_ns + p->tail_ns ? rest_ns : p->head_ns + p->tail_ns;
}

/* Wall time during which every worker had nothing to do (servers, loops without load). */
static uint64_t idle_time(const struct measurement *m, const struct work_lanes *lanes)
{
    uint64_t least_ns = UINT64_MAX;

    for (size_t i = 0; i < lanes->count; i++) {
        uint64_t idle_ns = lanes->list[i].thread->blocked_ns[CAUSE_IDLE];

        if (idle_ns < least_ns)
            least_ns = idle_ns;
    }
    return lanes->count && least_ns < m->wall_ns ? least_ns : 0;
}

static uint64_t memory_per_worker(const struct measurement *m)
{
    uint64_t sum = 0, n = 0;

    for (size_t i = 0; i < m->n_processes; i++)
        if (m->processes[i].parent_pid && m->processes[i].private_bytes) {
            sum += m->processes[i].private_bytes;
            n++;
        }
    /* Nothing was forked: at worst a worker touches all that its parent holds. */
    return n ? sum / n : m->n_processes ? m->processes[0].private_bytes : 0;
}

int profile_from_measurement(const struct measurement *m, struct profile **ret_profile)
{
    CLEANUP(profile_freep) struct profile *p = calloc(1, sizeof(*p));
    CLEANUP(work_lanes_clear) struct work_lanes lanes = {0};
    struct profile_builder builder = {.profile = p};
    uint64_t loops_ns = 0, work_ns = 0;
    int r;

    if (!p)
        return -ENOMEM;
    r = work_lanes_find(m, &lanes);
    if (r < 0)
        return r;
    p->interpreter_lock = m->target.runtime.interpreter_lock != INTERPRETER_LOCK_NONE;
    for (size_t i = 0; i < lanes.count; i++) {
        work_ns += lanes.list[i].work_ns;
        loops_ns += lanes.list[i].loop ? lanes.list[i].work_ns : 0;
    }
    if (loops_ns * 2 > work_ns)
        r = event_loop_items(m, &lanes, &builder);
    else
        r = lanes.count == 1 ? serial_items(m, &lanes, &builder) : worker_items(m, &lanes, &builder);
    if (r < 0)
        return r;
    if (!p->n_items)
        return -ENODATA;
    if (p->head_ns > m->wall_ns)
        p->head_ns = m->wall_ns;
    p->idle_ns = idle_time(m, &lanes);
    p->private_bytes = memory_per_worker(m);
    serial_cpu(m, &lanes, p);
    *ret_profile = TAKE_PTR(p);
    return 0;
}
