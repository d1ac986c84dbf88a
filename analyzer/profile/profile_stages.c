/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pipelines: lanes that hand on what they did to lanes that do the next part of it. Only clear ones: hand-overs go one
 * way, whoever takes waited first and ends last, and all stages did about the same number of parts.
 */
#include "analyzer/profile/profile_shapes.h"

#include <math.h>

#include "analyzer/profile/profile_pattern.h"
#include "analyzer/thread_index.h"
#include "base/base.h"

#define MAX_LANES 64
#define MIN_HANDOVERS 8 /* between two lanes, before they are a pipeline */
#define ONE_WAY 4       /* waits for each other: one of them at most 1/4 as often */
#define APART 4         /* unless the two kinds are apart by 1/4 of the time */
#define FIRST_FILL 3    /* items before a queue was full for the first time */
#define AS_MANY 4       /* parts of two stages: within 1/4 of each other */

struct link {
    size_t waits;      /* of the first lane, ended by the second */
    uint64_t first_ns; /* the first of them */
    double sum_ns;     /* when they began, added up */
};

struct graph {
    struct link links[MAX_LANES][MAX_LANES];
    bool feeds[MAX_LANES][MAX_LANES]; /* the first hands on to the second */
    size_t stage[MAX_LANES];
    size_t n, n_stages;
};

/* The lane that speaks for a thread: itself, or the only lane of its process (queues have feeder threads). */
static size_t lane_of_waker(const struct measurement *m, const struct work_lanes *lanes,
                            const struct thread_index *index, const struct piece *piece)
{
    uint64_t at_ns = piece->start_ns + piece->cpu_ns + piece->wait_ns;
    size_t lane = work_lanes_of_tid(lanes, piece->waker_tid, at_ns), row, found = SIZE_MAX;

    if (lane != SIZE_MAX)
        return lane;
    row = thread_index_find(index, piece->waker_tid, at_ns);
    for (size_t i = 0; i < lanes->count && row != THREAD_INDEX_NONE; i++) {
        if (lanes->list[i].thread->pid != m->threads[row].pid)
            continue;
        if (found != SIZE_MAX)
            return SIZE_MAX;
        found = i;
    }
    return found;
}

static void count_links(const struct measurement *m, const struct work_lanes *lanes, const struct thread_index *index,
                        struct graph *graph)
{
    graph->n = lanes->count;
    for (size_t i = 0; i < lanes->count; i++) {
        const struct pieces *pieces = &lanes->list[i].pieces;

        for (size_t k = 0; k < pieces->count; k++) {
            const struct piece *piece = &pieces->list[k];
            size_t waker;
            struct link *link;

            if (!piece->wait_ns || piece->queued || !piece->waker_tid ||
                (piece->cause != CAUSE_HANDOFF && piece->cause != CAUSE_IPC))
                continue;
            waker = lane_of_waker(m, lanes, index, piece);
            if (waker == SIZE_MAX || waker == i)
                continue;
            /* Semaphores between processes guard queues, they are not what is handed over. */
            if (piece->cause == CAUSE_HANDOFF && lanes->list[i].thread->pid != lanes->list[waker].thread->pid)
                continue;
            link = &graph->links[i][waker];
            if (link->waits++ == 0)
                link->first_ns = piece->start_ns;
            link->sum_ns += (double)piece->start_ns;
        }
    }
}

/* When a lane last did something. */
static uint64_t last_work(const struct work_lane *lane)
{
    for (size_t i = lane->pieces.count; i-- > 0;)
        if (lane->pieces.list[i].cpu_ns > NSEC_PER_USEC * 50 || piece_waits_outside(&lane->pieces.list[i]))
            return lane->pieces.list[i].start_ns + lane->pieces.list[i].cpu_ns;
    return lane->thread->birth_ns;
}

/* CPU of a lane until its wait that began in that piece. */
static uint64_t work_until(const struct work_lane *lane, uint64_t start_ns)
{
    uint64_t sum_ns = 0;

    for (size_t i = 0; i < lane->pieces.count && lane->pieces.list[i].start_ns <= start_ns; i++)
        sum_ns += lane->pieces.list[i].cpu_ns;
    return sum_ns;
}

/* Lane `a` waits for `b`, never the other way: a queue that is full, if a did several items before it first was. */
static bool fills_a_queue(const struct work_lanes *lanes, const struct link *ba, size_t a, size_t b)
{
    uint64_t first_ns = work_until(&lanes->list[a], ba->first_ns);

    return first_ns * ba->waits >= FIRST_FILL * lanes->list[a].thread->on_cpu_ns &&
           last_work(&lanes->list[b]) > last_work(&lanes->list[a]);
}

/* Does lane `a` hand on to lane `b`? b waited for a before a ever waited for b, and ends no earlier. */
static bool hands_on(const struct work_lanes *lanes, const struct graph *graph, size_t a, size_t b)
{
    const struct link *ab = &graph->links[b][a], *ba = &graph->links[a][b]; /* ab: b's waits that a ended */
    uint64_t slack_ns = (lanes->last_ns - lanes->first_ns) / 100;

    if (!ab->waits)
        return ba->waits && fills_a_queue(lanes, ba, a, b);
    if (ba->waits && ba->first_ns < ab->first_ns)
        return false;
    return last_work(&lanes->list[b]) + slack_ns >= last_work(&lanes->list[a]);
}

/* A queue is empty for a time, then full for a time: each waits for the other, but not by turns as with answers. */
static bool in_turn(const struct work_lanes *lanes, const struct link *ab, const struct link *ba)
{
    double span_ns = (double)(lanes->last_ns - lanes->first_ns);

    return fabs(ab->sum_ns / (double)ab->waits - ba->sum_ns / (double)ba->waits) * APART < span_ns;
}

/* @return false: not one way, or nobody can say which */
static bool find_direction(const struct work_lanes *lanes, struct graph *graph, size_t a, size_t b)
{
    size_t x = graph->links[a][b].waits, y = graph->links[b][a].waits;
    bool forth, back;

    if ((x < y ? x : y) * ONE_WAY > (x < y ? y : x) && in_turn(lanes, &graph->links[a][b], &graph->links[b][a]))
        return false;
    forth = hands_on(lanes, graph, a, b);
    back = hands_on(lanes, graph, b, a);
    graph->feeds[a][b] = forth && !back;
    graph->feeds[b][a] = back && !forth;
    return forth != back;
}

static bool linked(const struct graph *graph, size_t lane)
{
    for (size_t i = 0; i < graph->n; i++)
        if (graph->feeds[lane][i] || graph->feeds[i][lane])
            return true;
    return false;
}

/* Every lane must be part of it; few hand-overs will do for a lane that is never waited for (its queue is deep). */
static bool find_feeds(const struct work_lanes *lanes, struct graph *graph)
{
    bool strong = false, loose[MAX_LANES];

    for (size_t a = 0; a < graph->n; a++)
        for (size_t b = a + 1; b < graph->n; b++) {
            if (graph->links[a][b].waits + graph->links[b][a].waits < MIN_HANDOVERS)
                continue;
            if (!find_direction(lanes, graph, a, b))
                return false;
            strong = true;
        }
    for (size_t a = 0; a < graph->n && strong; a++)
        loose[a] = !linked(graph, a);
    for (size_t a = 0; a < graph->n && strong; a++) {
        for (size_t b = 0; b < graph->n && loose[a]; b++)
            if (graph->links[a][b].waits + graph->links[b][a].waits && !find_direction(lanes, graph, a, b))
                return false;
        if (!linked(graph, a))
            return false;
    }
    return strong;
}

/* The longest way from a lane that is fed by none. @return false: there is a circle */
static bool find_stages(struct graph *graph)
{
    bool changed = true;

    for (size_t round = 0; changed; round++) {
        changed = false;
        if (round > graph->n)
            return false;
        for (size_t a = 0; a < graph->n; a++)
            for (size_t b = 0; b < graph->n; b++)
                if (graph->feeds[a][b] && graph->stage[b] < graph->stage[a] + 1) {
                    graph->stage[b] = graph->stage[a] + 1;
                    changed = true;
                }
    }
    for (size_t a = 0; a < graph->n; a++)
        if (graph->stage[a] + 1 > graph->n_stages)
            graph->n_stages = graph->stage[a] + 1;
    return graph->n_stages >= 2;
}

/* What one stage did, cut into parts in the order of time. */
struct stage {
    struct profile parts; /* steps and items of it only */
    struct profile_builder builder;
    size_t *order; /* of the parts */
    size_t lanes;
};

static int compare_starts(const void *a, const void *b, void *context)
{
    const uint64_t *starts = context;
    size_t x = *(const size_t *)a, y = *(const size_t *)b;

    if (starts[x] != starts[y])
        return starts[x] < starts[y] ? -1 : 1;
    return (x > y) - (x < y);
}

static void stage_clear(struct stage *stage)
{
    builder_clear(&stage->builder);
    free(stage->parts.steps);
    free(stage->parts.items);
    free(stage->order);
}

static int cut_stage(const struct measurement *m, struct work_lanes *lanes, const struct graph *graph, size_t at,
                     struct stage *stage)
{
    const struct pieces *pieces[MAX_LANES];
    uint64_t min_waits[MAX_LANES];
    struct pattern pattern = {.period = 1};
    size_t n = 0;
    int r;

    stage->builder.profile = &stage->parts;
    for (size_t i = 0; i < graph->n; i++)
        if (graph->stage[i] == at) {
            min_waits[n] = pieces_min_wait(&lanes->list[i].pieces);
            pieces[n++] = &lanes->list[i].pieces;
        }
    r = pattern_find(m, pieces, NULL, min_waits, n, &pattern);
    stage->lanes = n;
    for (size_t i = 0; i < graph->n && r == 0; i++) {
        struct work_lane *lane = &lanes->list[i];
        struct cut_options options = {.lane = lane->slot, .stage = (uint16_t)at};

        if (graph->stage[i] != at)
            continue;
        profile_worker_options(m, lanes, lane, &pattern, &options);
        r = builder_cut(&stage->builder, &lane->pieces, 0, &options);
    }
    if (r < 0)
        return r;
    stage->order = calloc(stage->parts.n_items + 1, sizeof(*stage->order));
    if (!stage->order)
        return -ENOMEM;
    for (size_t i = 0; i < stage->parts.n_items; i++)
        stage->order[i] = i;
    if (stage->parts.n_items)
        qsort_r(stage->order, stage->parts.n_items, sizeof(*stage->order), compare_starts, stage->builder.starts);
    return 0;
}

static bool as_many(size_t a, size_t b)
{
    return a * AS_MANY <= b * (AS_MANY + 1) && b * AS_MANY <= a * (AS_MANY + 1);
}

/* How many items went through: what most stages agree on. 0: they do not. */
static size_t count_items(const struct stage *stages, size_t n)
{
    size_t most = 0;

    for (size_t i = 0; i < n; i++)
        if (stages[i].parts.n_items > most)
            most = stages[i].parts.n_items;
    /* A stage that never waits shows few parts; one that shows some, but far from all, does something else. */
    for (size_t i = 0; i < n; i++)
        if (!as_many(stages[i].parts.n_items, most) && stages[i].parts.n_items >= MIN_HANDOVERS)
            return 0;
    return most >= MIN_HANDOVERS ? most : 0;
}

/* The part of item `i` of `n` in a stage whose parts can't be told apart: an even share. */
static int push_share(struct profile_builder *b, const struct stage *stage, size_t n, uint16_t at)
{
    struct piece piece = {.cause = CAUSE_OTHER};
    struct profile_step sum = {.stage = at};

    for (size_t i = 0; i < stage->parts.n_steps; i++) {
        const struct profile_step *step = &stage->parts.steps[i];

        sum.locked_cpu_ns += step->locked_cpu_ns;
        sum.free_cpu_ns += step->free_cpu_ns;
        sum.wait_ns += step->wait_ns;
        if (step->wait_ns)
            piece.cause = step->cause;
    }
    sum.locked_cpu_ns /= n;
    sum.free_cpu_ns /= n;
    sum.wait_ns /= n;
    sum.cause = piece.cause;
    return builder_push(b, sum);
}

static int push_parts(struct profile_builder *b, const struct stage *stage, size_t i, size_t n)
{
    size_t first = i * stage->parts.n_items / n, end = (i + 1) * stage->parts.n_items / n;
    int r = 0;

    for (size_t k = first; k < end && r == 0; k++) {
        const struct profile_item *part = &stage->parts.items[stage->order[k]];

        for (size_t s = 0; s < part->n_steps && r == 0; s++)
            r = builder_push(b, stage->parts.steps[part->first_step + s]);
    }
    return r;
}

static int chain(struct profile_builder *b, const struct stage *stages, size_t n_stages, size_t n)
{
    const struct stage *last = &stages[n_stages - 1];

    for (size_t i = 0; i < n; i++) {
        size_t part = last->parts.n_items ? i * last->parts.n_items / n : 0;
        uint32_t lane = last->parts.n_items ? last->parts.items[last->order[part]].lane : 0;
        int r = 0;

        for (size_t s = 0; s < n_stages && r == 0; s++)
            r = as_many(stages[s].parts.n_items, n) ? push_parts(b, &stages[s], i, n)
                                                    : push_share(b, &stages[s], n, (uint16_t)s);
        if (r == 0)
            r = builder_close(b, lane, i); /* in the order in which they came */
        if (r < 0)
            return r;
    }
    return 0;
}

static int build(const struct measurement *m, struct work_lanes *lanes, const struct graph *graph,
                 struct profile_builder *b)
{
    struct profile *p = b->profile;
    AUTO_FREE struct stage *stages = calloc(graph->n_stages, sizeof(*stages));
    size_t n = 0;
    int r = 0;

    if (!stages)
        return -ENOMEM;
    for (size_t i = 0; i < graph->n_stages && r == 0; i++)
        r = cut_stage(m, lanes, graph, i, &stages[i]);
    if (r == 0)
        n = count_items(stages, graph->n_stages);
    if (r == 0 && n) {
        r = chain(b, stages, graph->n_stages, n);
        p->stage_lanes = calloc(graph->n_stages, sizeof(*p->stage_lanes));
        p->n_stages = (uint16_t)graph->n_stages;
        p->dependence.passed_on = n * (graph->n_stages - 1);
        for (size_t i = 0; i < graph->n_stages && p->stage_lanes; i++)
            p->stage_lanes[i] = (uint32_t)stages[i].lanes;
        if (!p->stage_lanes)
            r = -ENOMEM;
    }
    for (size_t i = 0; i < graph->n_stages; i++)
        stage_clear(&stages[i]);
    return r < 0 ? r : n > 0;
}

int profile_stage_items(const struct measurement *m, struct work_lanes *lanes, struct profile_builder *b)
{
    CLEANUP(thread_index_freep) struct thread_index *index = NULL;
    AUTO_FREE struct graph *graph = calloc(1, sizeof(*graph));
    int r;

    if (!graph)
        return -ENOMEM;
    if (lanes->count < 2 || lanes->count > MAX_LANES || lanes->short_lived || m->loss.decimation > 1)
        return 0;
    r = thread_index_new(m, &index);
    if (r < 0)
        return r;
    count_links(m, lanes, index, graph);
    if (!find_feeds(lanes, graph) || !find_stages(graph))
        return 0;
    return build(m, lanes, graph, b);
}
