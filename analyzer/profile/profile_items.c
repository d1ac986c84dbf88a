/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/profile/profile_items.h"

#include <math.h>

#include "analyzer/external.h"
#include "base/base.h"

#define MAX_PIECES_PER_LANE 131072
#define MAX_MADE_UP 4096
/* Work between two hand-overs below this is the hand-over itself, not an item. */
#define MIN_ITEM_NS (10 * NSEC_PER_USEC)
/* ...and so is what a worker did at first, if it is below this and below 1/4 of what comes next: its start. */
#define START_UP_NS (300 * NSEC_PER_USEC)
#define START_UP_SHARE 4

bool piece_waits_outside(const struct piece *piece)
{
    return cause_is_external(piece->cause);
}

static uint64_t scaled(uint64_t value, double factor)
{
    return (uint64_t)llround((double)value * factor);
}

/* No slices (they were lost, or the probe takes none): equal waits of each cause, the CPU spread evenly. */
static int made_up_pieces(const struct thread *t, struct pieces *ret)
{
    uint64_t counts[CAUSE_COUNT], total = 0;
    struct piece *list;
    size_t n = 0;

    for (size_t c = 0; c < CAUSE_COUNT; c++) {
        counts[c] = t->blocked_ns[c] ? (t->blocked_count[c] ? t->blocked_count[c] : 1) : 0;
        if (counts[c] > MAX_MADE_UP)
            counts[c] = MAX_MADE_UP;
        total += counts[c];
    }
    list = calloc(total + 1, sizeof(*list));
    if (!list)
        return -ENOMEM;
    for (size_t c = 0; c < CAUSE_COUNT; c++)
        for (uint64_t i = 0; i < counts[c]; i++)
            list[n++] = (struct piece){.cause = (enum cause)c, .wait_ns = t->blocked_ns[c] / counts[c]};
    list[n++].cause = CAUSE_OTHER;

    uint64_t at = t->birth_ns;
    for (size_t i = 0; i < n; i++) {
        list[i].start_ns = at;
        list[i].cpu_ns = t->on_cpu_ns / n;
        at += (t->death_ns - t->birth_ns) / n;
    }
    *ret = (struct pieces){.list = list, .count = n, .end_ns = t->death_ns};
    return 0;
}

/* How often each slice stands for one that was dropped, and what is then still missing. */
static size_t repetitions(const struct thread *t, uint64_t cpu_ns, uint64_t wait_ns)
{
    uint64_t total = t->on_cpu_ns;
    double ratio;

    for (size_t c = 0; c < CAUSE_COUNT; c++)
        total += t->blocked_ns[c];
    ratio = cpu_ns + wait_ns ? (double)total / (double)(cpu_ns + wait_ns) : 1;
    if (ratio < 1.5)
        return 1;
    ratio = fmin(round(ratio), (double)MAX_PIECES_PER_LANE / (double)t->n_slices);
    return ratio < 1 ? 1 : (size_t)ratio;
}

int pieces_from_thread(const struct thread *t, struct pieces *ret)
{
    uint64_t cpu_ns = 0, wait_ns[CAUSE_COUNT] = {0}, waits_ns = 0, at_ns = 0, span_ns = 0;
    size_t n = t->n_slices < MAX_PIECES_PER_LANE ? t->n_slices : MAX_PIECES_PER_LANE, repeat;
    struct piece *list;

    for (size_t i = 0; i < n; i++) {
        cpu_ns += t->slices[i].on_cpu_ns;
        wait_ns[t->slices[i].cause] += t->slices[i].blocked_ns;
        waits_ns += t->slices[i].blocked_ns;
        span_ns += t->slices[i].on_cpu_ns + t->slices[i].blocked_ns + t->slices[i].runnable_ns;
    }
    if (!n || (!cpu_ns && t->on_cpu_ns))
        return made_up_pieces(t, ret);
    repeat = repetitions(t, cpu_ns, waits_ns);
    list = calloc(n * repeat, sizeof(*list));
    if (!list)
        return -ENOMEM;
    *ret = (struct pieces){.list = list, .count = n * repeat, .end_ns = t->death_ns};
    ret->exact = repeat == 1 && n == t->n_slices && cpu_ns <= t->on_cpu_ns && t->on_cpu_ns - cpu_ns <= cpu_ns / 100;

    double cpu_factor = cpu_ns ? (double)t->on_cpu_ns / ((double)cpu_ns * (double)repeat) : 0;
    double time_factor = span_ns ? (double)(t->death_ns - t->birth_ns) / (double)span_ns : 0;

    for (size_t i = 0; i < n; i++) {
        const struct slice *s = &t->slices[i];
        double wait_factor =
            wait_ns[s->cause] ? (double)t->blocked_ns[s->cause] / ((double)wait_ns[s->cause] * (double)repeat) : 0;
        uint64_t span = s->on_cpu_ns + s->blocked_ns + s->runnable_ns;

        for (size_t k = 0; k < repeat; k++)
            *list++ = (struct piece){
                .start_ns = t->birth_ns + scaled(at_ns + span / repeat * k, time_factor),
                .cpu_ns = scaled(s->on_cpu_ns, cpu_factor),
                .wait_ns = scaled(s->blocked_ns, wait_factor),
                .cause = s->cause,
                .waker_tid = s->waker_tid,
                .waker_cpu_ns = s->waker_on_cpu_ns,
                .address = s->address,
            };
        at_ns += span;
    }
    return 0;
}

static int compare_u64(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

uint64_t pieces_min_wait(const struct pieces *pieces)
{
    AUTO_FREE uint64_t *waits = calloc(pieces->count + 1, sizeof(*waits));
    uint64_t total = 0, sum = 0;
    size_t n = 0;

    if (!waits)
        return 0;
    for (size_t i = 0; i < pieces->count; i++)
        if (piece_waits_outside(&pieces->list[i]) && pieces->list[i].wait_ns)
            total += waits[n++] = pieces->list[i].wait_ns;
    qsort(waits, n, sizeof(*waits), compare_u64);
    for (size_t i = 0; i < n; i++) {
        sum += waits[i];
        if (sum * 10 >= total)
            return waits[i] / 4;
    }
    return 0;
}

/* Is that one step with the last one? CPU before the next wait is, and a critical section is one whatever is in it. */
static bool continues(const struct profile_builder *b, const struct profile_step *step)
{
    const struct profile *p = b->profile;
    const struct profile_step *last = &p->steps[p->n_steps - 1];

    if (p->n_steps == b->open_first || last->lock != step->lock || last->stage != step->stage)
        return false;
    return !last->wait_ns || step->lock;
}

int builder_push(struct profile_builder *b, struct profile_step step)
{
    struct profile *p = b->profile;
    uint64_t cpu_ns = step.locked_cpu_ns + step.free_cpu_ns;

    if (!cpu_ns && !step.wait_ns)
        return 0;
    b->open_work += cpu_ns + step.wait_ns;
    if (p->n_steps && continues(b, &step)) {
        struct profile_step *last = &p->steps[p->n_steps - 1];

        last->locked_cpu_ns += step.locked_cpu_ns;
        last->free_cpu_ns += step.free_cpu_ns;
        last->wait_ns += step.wait_ns;
        last->cause = step.wait_ns ? step.cause : last->cause;
        return 0;
    }
    if (base_grow(&p->steps, &b->steps_capacity, p->n_steps + 1, sizeof(*p->steps)) < 0)
        return -ENOMEM;
    p->steps[p->n_steps++] = step;
    return 0;
}

static struct profile_step make_step(uint64_t cpu_ns, uint64_t wait_ns, enum cause cause,
                                     const struct cut_options *options, uint16_t lock)
{
    uint64_t locked_ns = scaled(cpu_ns, options->locked);

    if (locked_ns > cpu_ns)
        locked_ns = cpu_ns;
    return (struct profile_step){.locked_cpu_ns = locked_ns,
                                 .free_cpu_ns = cpu_ns - locked_ns,
                                 .wait_ns = wait_ns,
                                 .cause = cause,
                                 .lock = lock,
                                 .stage = options->stage};
}

/*
 * One stretch of work. Where its mutex is not known it is split by the share that runs under one; whole waits are dealt
 * to one of the sides.
 */
static int push_work(struct profile_builder *b, const struct piece *piece, uint64_t cpu_ns, uint64_t wait_ns,
                     const struct cut_options *options)
{
    uint64_t critical_ns, critical_wait_ns = 0;
    int r;

    if (b->profile->n_steps == b->open_first)
        b->open_start = piece->start_ns + (cpu_ns ? 0 : piece->cpu_ns);
    cpu_ns -= scaled(cpu_ns, options->handover);
    critical_ns = scaled(cpu_ns, options->critical);
    if (piece->lock || options->critical <= 0) {
        r = builder_push(b, make_step(cpu_ns, wait_ns, piece->cause, options, piece->lock));
        return r;
    }
    if (!options->critical_cpu) {
        b->critical_debt += options->critical * (double)wait_ns;
        if (b->critical_debt * 2 > (double)wait_ns) {
            critical_wait_ns = wait_ns;
            b->critical_debt -= (double)wait_ns;
        }
    }
    r = builder_push(b, make_step(critical_ns, critical_wait_ns, piece->cause, options, options->lock));
    if (r < 0)
        return r;
    r = builder_push(b, make_step(cpu_ns - critical_ns, wait_ns - critical_wait_ns, piece->cause, options, 0));
    return r;
}

static int close_item(struct profile_builder *b, uint32_t lane)
{
    struct profile *p = b->profile;

    if (p->n_steps > b->open_first) {
        if (base_grow(&p->items, &b->items_capacity, p->n_items + 1, sizeof(*p->items)) < 0 ||
            base_grow(&b->starts, &b->starts_capacity, p->n_items + 1, sizeof(*b->starts)) < 0)
            return -ENOMEM;
        b->starts[p->n_items] = b->open_start;
        p->items[p->n_items++] =
            (struct profile_item){.first_step = b->open_first, .n_steps = p->n_steps - b->open_first, .lane = lane};
    }
    b->open_first = p->n_steps;
    b->open_work = 0;
    return 0;
}

int builder_close(struct profile_builder *b, uint32_t lane, uint64_t start_ns)
{
    b->open_start = start_ns;
    return close_item(b, lane);
}

void builder_clear(struct profile_builder *b)
{
    free(b->starts);
    b->starts = NULL;
    b->starts_capacity = 0;
}

/* Does the wait of this piece hand the lane its next item? */
static bool hands_over(const struct piece *piece)
{
    return piece->wait_ns && !piece->queued &&
           (piece->cause == CAUSE_HANDOFF || piece->cause == CAUSE_IPC || piece->cause == CAUSE_IDLE);
}

/* Does an item end before this piece's wait? `waits` counts the waits of the lane so far. */
static bool ends_before_wait(const struct profile_builder *b, const struct piece *piece,
                             const struct cut_options *options, size_t *waits)
{
    size_t period = options->period > 1 ? options->period : 1;
    uint64_t open_ns = b->open_work + piece->cpu_ns;

    if (piece->cause == CAUSE_IDLE)
        return true;
    if (!piece_waits_outside(piece) || !piece->wait_ns || piece->wait_ns < options->min_wait)
        return false;
    /* What a worker does before its first wait, or after it was parked, is no item of its own, unless it is as much. */
    bool nothing_yet = options->worker && open_ns < START_UP_NS && open_ns * START_UP_SHARE < piece->wait_ns;

    if ((*waits)++ == 0 && !nothing_yet)
        return options->offset == 0 && (!options->worker || open_ns > piece->wait_ns);
    return !nothing_yet && (*waits - 1 + period - options->offset) % period == 0;
}

static uint64_t piece_work(const struct piece *piece)
{
    return piece->cpu_ns + (piece_waits_outside(piece) ? piece->wait_ns : 0);
}

static int cut_piece(struct profile_builder *b, const struct piece *piece, const struct cut_options *options,
                     bool starts_up, size_t *waits)
{
    uint64_t wait_ns = piece_waits_outside(piece) ? scaled(piece->wait_ns, options->wait_factor) : 0;
    bool handed = hands_over(piece), closes;
    int r;

    if (options->cut != CUT_WAITS) {
        r = push_work(b, piece, piece->cpu_ns, wait_ns, options);
        closes =
            options->cut == CUT_HANDOFF && (handed || piece->ends_item) && b->open_work >= MIN_ITEM_NS && !starts_up;
    } else { /* the wait begins an item that the next burst completes; so does the mutex that is held in it */
        bool begins = ends_before_wait(b, piece, options, waits), with_cpu = begins && piece->lock;

        r = with_cpu ? close_item(b, options->lane) : 0;
        if (r == 0)
            r = push_work(b, piece, piece->cpu_ns, 0, options);
        if (r == 0 && begins && !with_cpu)
            r = close_item(b, options->lane);
        if (r == 0)
            r = push_work(b, piece, 0, wait_ns, options);
        closes = false;
    }
    if (handed && piece->from_lane) {
        b->profile->dependence.hand_offs += !closes;
        b->profile->dependence.passed_on += closes;
    }
    return r == 0 && (closes || piece->ends_phase) ? close_item(b, options->lane) : r;
}

/* What a worker does after its last item, before it ends, goes with that item if it is little. */
static void join_end(struct profile_builder *b, size_t first_item)
{
    struct profile *p = b->profile;
    uint64_t last_ns = 0;

    if (p->n_items == first_item || b->open_work >= START_UP_NS)
        return;
    for (size_t i = p->items[p->n_items - 1].first_step; i < b->open_first; i++)
        last_ns += p->steps[i].locked_cpu_ns + p->steps[i].free_cpu_ns + p->steps[i].wait_ns;
    if (last_ns <= START_UP_SHARE * b->open_work)
        return;
    p->items[p->n_items - 1].n_steps += p->n_steps - b->open_first;
    b->open_first = p->n_steps;
    b->open_work = 0;
}

int builder_cut(struct profile_builder *b, const struct pieces *pieces, size_t first, const struct cut_options *options)
{
    size_t waits = 0, first_item = b->profile->n_items;
    int r = 0;

    for (size_t i = first; i < pieces->count && r == 0; i++) {
        uint64_t work_ns = piece_work(&pieces->list[i]);
        bool starts_up = options->worker && i == first && i + 1 < pieces->count && work_ns < START_UP_NS &&
                         piece_work(&pieces->list[i + 1]) > START_UP_SHARE * work_ns;

        r = cut_piece(b, &pieces->list[i], options, starts_up, &waits);
        if (pieces->list[i].ends_phase)
            first_item = b->profile->n_items;
    }
    if (r == 0 && options->worker)
        join_end(b, first_item);
    return r < 0 ? r : close_item(b, options->lane);
}

/* Append one step cut into chunks; the first goes with the steps before it, each further one is an item. */
static int divide_step(struct profile_builder *b, struct profile_step step, uint32_t lane, uint64_t longest_ns)
{
    uint64_t cpu_ns = step.locked_cpu_ns + step.free_cpu_ns;
    uint64_t chunks = step.lock || cpu_ns <= longest_ns ? 1 : (cpu_ns + longest_ns - 1) / longest_ns;

    for (uint64_t i = 0; i < chunks; i++) {
        struct profile_step chunk = {
            .locked_cpu_ns = step.locked_cpu_ns / chunks,
            .free_cpu_ns = step.free_cpu_ns / chunks,
            .cause = step.cause,
            .lock = step.lock,
            .stage = step.stage,
        };
        int r;

        if (i == chunks - 1) { /* what the division left over, and the wait that follows the burst */
            chunk.locked_cpu_ns += step.locked_cpu_ns % chunks;
            chunk.free_cpu_ns += step.free_cpu_ns % chunks;
            chunk.wait_ns = step.wait_ns;
        }
        r = i ? close_item(b, lane) : 0;
        if (r == 0)
            r = builder_push(b, chunk);
        if (r < 0)
            return r;
    }
    b->profile->divisible |= chunks > 1;
    return 0;
}

int builder_divide(struct profile_builder *b, uint64_t longest_ns)
{
    struct profile *p = b->profile;
    struct profile whole = *p;
    uint64_t *starts = b->starts;
    int r = 0;

    b->starts = NULL;
    b->starts_capacity = 0;
    p->steps = NULL;
    p->items = NULL;
    p->n_steps = p->n_items = 0;
    b->steps_capacity = b->items_capacity = 0;
    b->open_first = 0;
    for (size_t i = 0; i < whole.n_items && r == 0; i++) {
        b->open_start = starts[i];
        for (size_t s = 0; s < whole.items[i].n_steps && r == 0; s++)
            r = divide_step(b, whole.steps[whole.items[i].first_step + s], whole.items[i].lane, longest_ns);
        if (r == 0)
            r = close_item(b, whole.items[i].lane);
    }
    free(whole.steps);
    free(whole.items);
    free(starts);
    return r;
}
