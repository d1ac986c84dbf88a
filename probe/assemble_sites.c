/* SPDX-License-Identifier: BSD-2-Clause */

/* Sites: waits and samples by stack, weighted to what they stand for; and where the holders of locks were meanwhile. */

#include "base/base.h"
#include "probe/assemble_stacks.h"
#include "probe/bpf/abi.h"
#include "probe/collector.h"
#include "probe/frames.h"
#include "probe/hash_index.h"
#include "probe/stacks.h"
#include "probe/tally.h"

#define SITES_KEPT 200
#define HOLDERS_KEPT 64

/* A site while its cells are added up. */
struct draft {
    uint32_t frames; /* index in the frame table */
    struct join_stack stack;
    uint32_t tgid, row;
    bool on_cpu;
    enum cause cause;
    double ns, count;
    double row_ns; /* of the cell that `row` is from */
    uint64_t longest_ns;
    uint64_t threads[4];
};

struct drafts {
    struct draft *list;
    size_t n, capacity;
    struct hash_index index;
};

static void clear(struct drafts *drafts)
{
    free(drafts->list);
    hash_index_clear(&drafts->index);
}

static struct draft *find(struct drafts *drafts, uint64_t hash)
{
    uint32_t *place = hash_index_place(&drafts->index, hash);

    if (!place || (!*place && base_grow(&drafts->list, &drafts->capacity, drafts->n + 1, sizeof(struct draft)) < 0))
        return NULL;
    if (!*place) {
        drafts->list[drafts->n] = (struct draft){0};
        *place = (uint32_t)++drafts->n;
    }
    return &drafts->list[*place - 1];
}

static void add(struct draft *draft, const struct tally_cell *cell, double ns, double count)
{
    double row_ns = cell->class == TALLY_SAMPLE || cell->class == TALLY_OWNER ? ns : cell->row_ns;

    draft->ns += ns;
    draft->count += count;
    if (cell->longest_ns > draft->longest_ns)
        draft->longest_ns = cell->longest_ns;
    if (row_ns >= draft->row_ns) {
        draft->row_ns = row_ns;
        draft->row = cell->row;
    }
    for (size_t i = 0; i < ARRAY_SIZE(draft->threads); i++)
        draft->threads[i] |= cell->threads[i];
    if (cell->class == TALLY_SAMPLE)
        draft->threads[cell->row / 64 % 4] |= UINT64_C(1) << cell->row % 64;
}

/* @return 0 (ret_draft NULL: nothing on the stack has a name) or -ENOMEM */
static int draft_of(const struct assemble_stacks *stacks, struct drafts *drafts, const struct tally_cell *cell,
                    bool nameless, struct draft **ret_draft)
{
    const struct tally *tally = &stacks->collector->tally;
    const struct tally_stratum *stratum = cell->class == TALLY_SAMPLE ? NULL : &tally->strata[cell->stratum];
    enum cause cause =
        stratum ? assemble_cause(stacks, cell->tgid, stratum->kind, stratum->interpreter_lock) : CAUSE_OTHER;
    uint32_t row = cell->class == TALLY_OWNER ? cell->row : 0, frames;
    uint64_t hash;
    int r = frame_table_merge(stacks->frames, cell->stack, &frames);

    if (r < 0)
        return r;
    *ret_draft = NULL;
    if (!frame_table_is_named(stacks->frames, frames) && !nameless)
        return 0;
    hash = hash_mix(hash_mix(HASH_START, (uint64_t)frames << 32 | cell->tgid),
                    (uint64_t)row << 32 | (uint64_t)cause << 16 | cell->class);
    if (stratum && cell->class == TALLY_WAIT)
        hash = hash_mix(hash, stratum->kind);
    *ret_draft = find(drafts, hash);
    if (!*ret_draft)
        return -ENOMEM;
    (*ret_draft)->frames = frames;
    (*ret_draft)->stack = cell->stack;
    (*ret_draft)->tgid = cell->tgid;
    (*ret_draft)->on_cpu = cell->class == TALLY_SAMPLE;
    (*ret_draft)->cause = cause;
    return 0;
}

static int by_time(const void *left, const void *right)
{
    const struct draft *a = left, *b = right;

    return (a->ns < b->ns) - (a->ns > b->ns);
}

/* Rows modulo 256 that contributed: the number of threads, exact for up to 256 that were born one after the other. */
static uint32_t count_threads(const struct draft *draft)
{
    uint32_t n = 0;

    for (size_t i = 0; i < ARRAY_SIZE(draft->threads); i++)
        n += (uint32_t)__builtin_popcountll(draft->threads[i]);
    return n;
}

static int fill(const struct assemble_stacks *stacks, const struct draft *draft, struct site *site)
{
    const struct collector *c = stacks->collector;

    site->on_cpu = draft->on_cpu;
    site->cause = draft->cause;
    site->time_ns = (uint64_t)(draft->ns + 0.5);
    site->count = (uint64_t)(draft->count + 0.5);
    site->longest_ns = draft->longest_ns;
    site->pid = (int32_t)draft->tgid;
    site->tid = draft->row < c->state.n_threads ? (int32_t)c->state.threads[draft->row].tid : 0;
    site->threads = count_threads(draft);
    site->in_event_loop =
        draft->stack.python != JOIN_NONE && stack_table_place(c->stacks, draft->stack.python) == STACK_IN_TURN;
    return frame_table_copy(stacks->frames, draft->frames, &site->frames, &site->n_frames);
}

/* The heaviest become sites. */
static int keep(const struct assemble_stacks *stacks, struct drafts *drafts, size_t max, struct site **ret_sites,
                size_t *n)
{
    size_t kept = drafts->n < max ? drafts->n : max;

    if (drafts->n)
        qsort(drafts->list, drafts->n, sizeof(*drafts->list), by_time);
    *ret_sites = calloc(kept ? kept : 1, sizeof(**ret_sites));
    if (!*ret_sites)
        return -ENOMEM;
    for (size_t i = 0; i < kept && drafts->list[i].ns >= 0.5; i++) {
        int r = fill(stacks, &drafts->list[i], &(*ret_sites)[(*n)++]);

        if (r < 0)
            return r;
    }
    return 0;
}

int assemble_sites(const struct assemble_stacks *stacks, struct measurement *m)
{
    const struct tally *tally = &stacks->collector->tally;
    CLEANUP(clear) struct drafts drafts = {0};

    m->loss.stacks_taken = tally->taken;
    m->loss.stacks_failed = tally->unkept;
    for (size_t i = 0; i < tally->n_cells; i++) {
        const struct tally_cell *cell = &tally->cells[i];
        struct draft *draft;
        int r;

        if (cell->class != TALLY_WAIT && cell->class != TALLY_SAMPLE)
            continue;
        r = draft_of(stacks, &drafts, cell, false, &draft);
        if (r < 0)
            return r;
        if (draft)
            add(draft, cell, assemble_cell_ns(stacks, cell), assemble_cell_count(stacks, cell));
        else
            m->loss.stacks_failed += cell->taken;
    }
    return keep(stacks, &drafts, SITES_KEPT, &m->sites, &m->n_sites);
}

/*
 * Only some of an owner's releases were seen with a stack: what was waited for it otherwise is spread over those that
 * were, or remains without frames.
 */
static void spread_frameless(struct drafts *drafts, const struct frame_table *frames)
{
    for (size_t i = 0; i < drafts->n; i++) {
        struct draft *draft = &drafts->list[i];
        double framed = 0;

        if (frame_table_is_named(frames, draft->frames))
            continue;
        for (size_t k = 0; k < drafts->n; k++)
            if (k != i && drafts->list[k].row == draft->row && drafts->list[k].cause == draft->cause)
                framed += drafts->list[k].ns;
        for (size_t k = 0; k < drafts->n && framed > 0; k++) {
            struct draft *other = &drafts->list[k];

            if (k == i || other->row != draft->row || other->cause != draft->cause)
                continue;
            other->count += draft->count * other->ns / framed;
            other->ns += draft->ns * other->ns / framed;
            if (draft->longest_ns > other->longest_ns)
                other->longest_ns = draft->longest_ns;
        }
        if (framed > 0)
            draft->ns = draft->count = 0;
    }
}

int assemble_holders(const struct assemble_stacks *stacks, struct measurement *m)
{
    const struct tally *tally = &stacks->collector->tally;
    CLEANUP(clear) struct drafts drafts = {0};
    int r;

    for (size_t i = 0; i < tally->n_cells; i++) {
        const struct tally_cell *cell = &tally->cells[i];
        struct draft *draft = NULL;

        if (cell->class != TALLY_HOLDER && cell->class != TALLY_OWNER)
            continue;
        r = draft_of(stacks, &drafts, cell, cell->class == TALLY_OWNER, &draft);
        if (r < 0)
            return r;
        if (draft && (draft->cause == CAUSE_INTERPRETER_LOCK || draft->cause == CAUSE_LOCK))
            add(draft, cell, assemble_cell_ns(stacks, cell), assemble_cell_count(stacks, cell));
        if (draft && cell->class == TALLY_HOLDER)
            draft->row = TALLY_NO_ROW; /* the kernel side knows where it was, not which thread it is */
    }
    spread_frameless(&drafts, stacks->frames);
    return keep(stacks, &drafts, HOLDERS_KEPT, &m->holders, &m->n_holders);
}
