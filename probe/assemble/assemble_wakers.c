/* SPDX-License-Identifier: BSD-2-Clause */

/* Who ended whose waits, by pair of threads and cause. */

#include "base/base.h"
#include "probe/assemble/assemble_stacks.h"
#include "probe/follow/collector.h"
#include "probe/sites/hash_index.h"
#include "probe/sites/tally.h"

#define WAKERS_KEPT 256

/* A pair of threads and a cause; its stacks are those of the pair (of a kind) that waited most. */
struct row {
    const struct tally_pair *pair;
    enum cause cause;
    uint64_t ns, count;
};

static bool is_for_a_thread(enum cause cause)
{
    return cause == CAUSE_INTERPRETER_LOCK || cause == CAUSE_LOCK || cause == CAUSE_HANDOFF || cause == CAUSE_IPC ||
           cause == CAUSE_JOIN;
}

static int by_threads(const void *left, const void *right)
{
    const struct row *a = left, *b = right;

    if (a->pair->waiter != b->pair->waiter)
        return a->pair->waiter < b->pair->waiter ? -1 : 1;
    if (a->pair->waker != b->pair->waker)
        return a->pair->waker < b->pair->waker ? -1 : 1;
    if (a->cause != b->cause)
        return a->cause < b->cause ? -1 : 1;
    return (a->ns < b->ns) - (a->ns > b->ns);
}

static int by_time(const void *left, const void *right)
{
    const struct row *a = left, *b = right;

    return (a->ns < b->ns) - (a->ns > b->ns);
}

static size_t list_rows(const struct assemble_stacks *stacks, struct row *rows)
{
    const struct collector *c = stacks->collector;
    size_t n = 0, kept = 0;

    for (size_t i = 0; i < c->tally.n_pairs; i++) {
        const struct tally_pair *pair = &c->tally.pairs[i];
        enum cause cause = assemble_cause(stacks, pair->tgid, pair->kind, pair->interpreter_lock);

        double share = pair->interpreter_lock ? 1.0 : 1.0 - (double)stacks->renamed[pair->waiter][cause];
        uint64_t count = base_to_u64((double)pair->count * share + 0.5);

        if (is_for_a_thread(cause) && count)
            rows[n++] =
                (struct row){.pair = pair, .cause = cause, .ns = base_to_u64((double)pair->ns * share), .count = count};
    }
    if (n)
        qsort(rows, n, sizeof(*rows), by_threads);
    for (size_t i = 0; i < n; i++) {
        struct row *last = kept ? &rows[kept - 1] : NULL;

        if (last && last->pair->waiter == rows[i].pair->waiter && last->pair->waker == rows[i].pair->waker &&
            last->cause == rows[i].cause) {
            last->ns += rows[i].ns;
            last->count += rows[i].count;
        } else {
            rows[kept++] = rows[i];
        }
    }
    if (kept)
        qsort(rows, kept, sizeof(*rows), by_time);
    return kept;
}

/* Where a thread mostly was at waits for one cause, as the one who waits or the one who ends it. */
struct habits {
    struct tally_top *list;
    size_t n, capacity;
    struct hash_index index;
};

static void clear_habits(struct habits *habits)
{
    free(habits->list);
    hash_index_clear(&habits->index);
}

static uint64_t habit_hash(uint32_t row, enum cause cause, bool waker)
{
    return hash_mix(hash_mix(HASH_START, row), (uint64_t)cause << 1 | waker);
}

static int add_habit(struct habits *habits, uint64_t hash, const struct tally_top *at)
{
    uint32_t *place;

    if (tally_heaviest(at).python == JOIN_NONE && tally_heaviest(at).native == JOIN_NONE)
        return 0;
    place = hash_index_place(&habits->index, hash);
    if (!place || (!*place && base_grow(&habits->list, &habits->capacity, habits->n + 1, sizeof(*at)) < 0))
        return -ENOMEM;
    if (!*place) {
        habits->list[habits->n] = (struct tally_top){0};
        *place = (uint32_t)++habits->n;
    }
    for (size_t i = 0; i < TALLY_TOP; i++)
        tally_add_top(&habits->list[*place - 1], at->stack[i], at->weight[i]);
    return 0;
}

static int find_habits(const struct assemble_stacks *stacks, struct habits *habits)
{
    const struct tally *tally = &stacks->collector->tally;
    int r = 0;

    for (size_t i = 0; i < tally->n_pairs && r == 0; i++) {
        const struct tally_pair *pair = &tally->pairs[i];
        enum cause cause = assemble_cause(stacks, pair->tgid, pair->kind, pair->interpreter_lock);

        r = add_habit(habits, habit_hash(pair->waiter, cause, false), &pair->waiter_at);
        if (r == 0)
            r = add_habit(habits, habit_hash(pair->waker, cause, true), &pair->waker_at);
    }
    return r;
}

/* A pair that no stack was taken of: where the thread mostly was with the others. */
static struct join_stack stack_of(const struct habits *habits, const struct tally_top *at, uint64_t hash)
{
    struct join_stack stack = tally_heaviest(at);
    uint32_t known = hash_index_find(&habits->index, hash);

    if (stack.python != JOIN_NONE || stack.native != JOIN_NONE || !known)
        return stack;
    return tally_heaviest(&habits->list[known - 1]);
}

static int fill(const struct assemble_stacks *stacks, const struct habits *habits, const struct row *row,
                struct waker *waker)
{
    const struct tally_pair *pair = row->pair;
    const struct run_thread *threads = stacks->collector->state.threads;
    int r;

    waker->waiter_pid = (int32_t)threads[row->pair->waiter].tgid;
    waker->waiter_tid = (int32_t)threads[row->pair->waiter].tid;
    waker->waker_pid = (int32_t)threads[row->pair->waker].tgid;
    waker->waker_tid = (int32_t)threads[row->pair->waker].tid;
    waker->cause = row->cause;
    waker->time_ns = row->ns;
    waker->count = row->count;
    r = assemble_frames(stacks, stack_of(habits, &pair->waiter_at, habit_hash(pair->waiter, row->cause, false)),
                        &waker->waiter_frames, &waker->n_waiter_frames);
    if (r == 0)
        r = assemble_frames(stacks, stack_of(habits, &pair->waker_at, habit_hash(pair->waker, row->cause, true)),
                            &waker->waker_frames, &waker->n_waker_frames);
    return r;
}

int assemble_wakers(const struct assemble_stacks *stacks, struct measurement *m)
{
    size_t n = stacks->collector->tally.n_pairs;
    AUTO_FREE struct row *rows = calloc(n ? n : 1, sizeof(*rows));
    CLEANUP(clear_habits) struct habits habits = {0};

    if (!rows || find_habits(stacks, &habits) < 0)
        return -ENOMEM;
    n = list_rows(stacks, rows);
    if (n > WAKERS_KEPT)
        n = WAKERS_KEPT;
    m->wakers = calloc(n ? n : 1, sizeof(*m->wakers));
    if (!m->wakers)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        int r = fill(stacks, &habits, &rows[i], &m->wakers[m->n_wakers++]);

        if (r < 0)
            return r;
    }
    return 0;
}
