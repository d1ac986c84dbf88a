/* SPDX-License-Identifier: BSD-2-Clause */

/* Sites: waits and samples by stack, weighted to what they stand for; and where the holders of locks were meanwhile. */

#include "base/base.h"
#include "probe/assemble/assemble_stacks.h"
#include "probe/bpf/abi.h"
#include "probe/follow/collector.h"
#include "probe/sites/frames.h"
#include "probe/sites/hash_index.h"
#include "probe/sites/stacks.h"
#include "probe/sites/tally.h"

#define SITES_KEPT 200
#define HOLDERS_KEPT 64
#define THREADS_COUNTED 1024u /* a site's distinct threads are counted up to here */

/* A site while its cells are added up. */
struct draft {
    uint32_t frames; /* index in the frame table */
    struct join_stack stack;
    uint32_t tgid, row;
    bool on_cpu;
    enum cause cause;
    double ns, count;
    double row_ns;    /* by how much `row` is ahead of others (Boyer and Moore's vote) */
    double frames_ns; /* of the cell that `frames` is from */
    uint64_t longest_ns;
    uint64_t threads[THREADS_COUNTED / 64]; /* a bit for each row, modulo THREADS_COUNTED */
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

/* Which thread spent the most here. */
static void vote(struct draft *draft, uint32_t row, double ns)
{
    draft->threads[row % THREADS_COUNTED / 64] |= UINT64_C(1) << row % 64;
    if (draft->row == row) {
        draft->row_ns += ns;
    } else if (ns >= draft->row_ns) {
        draft->row = row;
        draft->row_ns = ns - draft->row_ns;
    } else {
        draft->row_ns -= ns;
    }
}

static void add(struct draft *draft, uint32_t frames, const struct tally_cell *cell, double ns, double count)
{
    draft->ns += ns;
    draft->count += count;
    if (cell->longest_ns > draft->longest_ns)
        draft->longest_ns = cell->longest_ns;
    if (ns >= draft->frames_ns) {
        draft->frames_ns = ns;
        draft->frames = frames;
        draft->stack = cell->stack;
    }
    vote(draft, cell->row, ns);
}

/* What makes two cells one site. */
static uint64_t key_of(const struct assemble_stacks *stacks, const struct tally_cell *cell, uint32_t frames,
                       enum cause cause)
{
    bool sample = cell->subject == TALLY_SAMPLE;
    uint64_t hash = hash_mix(HASH_START, sample ? frame_table_function_hash(stacks->frames, frames) : frames);

    hash = hash_mix(hash_mix(hash, cell->tgid), (uint64_t)cause << 8 | cell->subject);
    if (cell->subject == TALLY_WAIT)
        hash = hash_mix(hash, stacks->collector->tally.strata[cell->stratum].kind);
    return hash;
}

/* Add a cell to its site. @return 1: added, 0: nothing on its stack has a name, or it is none, -ENOMEM */
static int add_cell(const struct assemble_stacks *stacks, struct drafts *drafts, const struct tally_cell *cell)
{
    const struct tally_stratum *stratum =
        cell->subject == TALLY_SAMPLE ? NULL : &stacks->collector->tally.strata[cell->stratum];
    enum cause cause =
        stratum ? assemble_cause(stacks, cell->tgid, stratum->kind, stratum->interpreter_lock) : CAUSE_OTHER;
    struct draft *draft;
    double share = 1.0;
    uint32_t frames;
    int r = frame_table_merge(stacks->frames, cell->stack, &frames);

    if (r < 0)
        return r;
    if (!frame_table_is_named(stacks->frames, frames) ||
        (cell->subject == TALLY_HOLDER && cause != CAUSE_INTERPRETER_LOCK))
        return 0;
    draft = find(drafts, key_of(stacks, cell, frames, cause));
    if (!draft)
        return -ENOMEM;
    draft->tgid = cell->tgid;
    draft->on_cpu = cell->subject == TALLY_SAMPLE;
    draft->cause = cause;
    if (cell->subject == TALLY_WAIT && cell->of_row && !stratum->interpreter_lock)
        share -= (double)stacks->renamed[cell->row][cause];
    add(draft, frames, cell, share * assemble_cell_ns(stacks, cell), share * assemble_cell_count(stacks, cell));
    if (cell->subject == TALLY_HOLDER)
        draft->row = TALLY_NO_ROW; /* the kernel side knows where it was, not which thread it is */
    return 1;
}

static int by_time(const void *left, const void *right)
{
    const struct draft *a = left, *b = right;

    return (a->ns < b->ns) - (a->ns > b->ns);
}

/* Exact for up to THREADS_COUNTED threads that were born one after the other. */
static uint32_t count_threads(const struct draft *draft)
{
    uint32_t n = 0;

    for (size_t i = 0; i < ARRAY_SIZE(draft->threads); i++)
        n += (uint32_t)__builtin_popcountll(draft->threads[i]);
    return n;
}

static bool is_in_turn(const struct collector *c, const struct draft *draft)
{
    const struct run_process *process = run_state_find_process(&c->state, draft->tgid);
    enum stack_place place = STACK_OUTSIDE_LOOP;

    if (draft->stack.python != JOIN_NONE)
        place = stack_table_place(c->stacks, draft->stack.python);
    return place == STACK_IN_TURN || (place == STACK_IN_COROUTINE && process && process->uses_uvloop);
}

static int fill(const struct assemble_stacks *stacks, const struct draft *draft, struct site *site)
{
    const struct collector *c = stacks->collector;

    site->on_cpu = draft->on_cpu;
    site->cause = draft->cause;
    site->time_ns = base_to_u64(draft->ns + 0.5);
    site->count = draft->count < 1 ? 1 : base_to_u64(draft->count + 0.5);
    site->longest_ns = draft->longest_ns;
    site->pid = (int32_t)draft->tgid;
    site->tid = draft->row < c->state.n_threads ? (int32_t)c->state.threads[draft->row].tid : 0;
    site->threads = count_threads(draft);
    site->in_event_loop = is_in_turn(c, draft);
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
    int r = 0;

    m->loss.stacks_taken = tally->taken;
    m->loss.stacks_failed = tally->unkept;
    for (size_t i = 0; i < tally->n_cells; i++) {
        const struct tally_cell *cell = &tally->cells[i];

        if (cell->subject != TALLY_WAIT && cell->subject != TALLY_SAMPLE)
            continue;
        r = add_cell(stacks, &drafts, cell);
        if (r < 0)
            return r;
        if (r == 0)
            m->loss.stacks_failed += cell->taken;
    }
    return keep(stacks, &drafts, SITES_KEPT, &m->sites, &m->n_sites);
}

/* --- holders --- */

/* A thread that had mutexes that others waited for. */
struct owner {
    uint32_t row;
    double ns, count;
    uint64_t longest_ns;
    struct tally_top release; /* where it let go of them */
};

struct owners {
    struct owner *list;
    size_t n, capacity;
    struct hash_index index;
};

static void clear_owners(struct owners *owners)
{
    free(owners->list);
    hash_index_clear(&owners->index);
}

static struct owner *find_owner(struct owners *owners, uint32_t row)
{
    uint32_t *place = hash_index_place(&owners->index, hash_mix(HASH_START, row));

    if (!place || (!*place && base_grow(&owners->list, &owners->capacity, owners->n + 1, sizeof(struct owner)) < 0))
        return NULL;
    if (!*place) {
        owners->list[owners->n] = (struct owner){.row = row};
        *place = (uint32_t)++owners->n;
    }
    return &owners->list[*place - 1];
}

/* Whoever ends a wait for a mutex lets go of it: all such stacks say where that thread had it. */
static int find_releases(const struct assemble_stacks *stacks, struct owners *owners)
{
    const struct tally *tally = &stacks->collector->tally;

    for (size_t i = 0; i < tally->n_cells; i++) {
        const struct tally_cell *cell = &tally->cells[i];
        struct owner *owner;

        if (cell->subject != TALLY_OWNER)
            continue;
        owner = find_owner(owners, cell->row);
        if (!owner)
            return -ENOMEM;
        owner->ns += assemble_cell_ns(stacks, cell);
        owner->count += assemble_cell_count(stacks, cell);
        if (cell->longest_ns > owner->longest_ns)
            owner->longest_ns = cell->longest_ns;
    }
    for (size_t i = 0; i < tally->n_pairs; i++) {
        const struct tally_pair *pair = &tally->pairs[i];
        uint32_t at = hash_index_find(&owners->index, hash_mix(HASH_START, pair->waker));

        if (!at || assemble_cause(stacks, pair->tgid, pair->kind, pair->interpreter_lock) != CAUSE_LOCK)
            continue;
        for (size_t k = 0; k < TALLY_TOP; k++)
            tally_add_top(&owners->list[at - 1].release, pair->waker_at.stack[k], pair->waker_at.weight[k]);
    }
    return 0;
}

/* One draft for each owner. */
static int draft_owners(const struct assemble_stacks *stacks, struct drafts *drafts)
{
    CLEANUP(clear_owners) struct owners owners = {0};
    int r = find_releases(stacks, &owners);

    for (size_t i = 0; i < owners.n && r == 0; i++) {
        const struct owner *owner = &owners.list[i];
        struct draft *draft = find(drafts, hash_mix(hash_mix(HASH_START, owner->row), CAUSE_LOCK));

        if (!draft)
            return -ENOMEM;
        *draft = (struct draft){.tgid = stacks->collector->state.threads[owner->row].tgid,
                                .row = owner->row,
                                .cause = CAUSE_LOCK,
                                .ns = owner->ns,
                                .count = owner->count,
                                .longest_ns = owner->longest_ns};
        draft->stack = tally_heaviest(&owner->release);
        draft->threads[0] = 1;
        r = frame_table_merge(stacks->frames, draft->stack, &draft->frames);
    }
    return r;
}

/* A holder's frames may have come with a wait that was called off and then have been joined to the next one. */
static bool is_for_interpreter_lock(const struct assemble_stacks *stacks, const struct tally_cell *cell)
{
    const struct tally_stratum *stratum = &stacks->collector->tally.strata[cell->stratum];

    return assemble_cause(stacks, cell->tgid, stratum->kind, stratum->interpreter_lock) == CAUSE_INTERPRETER_LOCK;
}

int assemble_holders(const struct assemble_stacks *stacks, struct measurement *m)
{
    const struct tally *tally = &stacks->collector->tally;
    CLEANUP(clear) struct drafts drafts = {0};
    int r = 0;

    for (size_t i = 0; i < tally->n_cells && r >= 0; i++)
        if (tally->cells[i].subject == TALLY_HOLDER && is_for_interpreter_lock(stacks, &tally->cells[i]))
            r = add_cell(stacks, &drafts, &tally->cells[i]);
    if (r >= 0)
        r = draft_owners(stacks, &drafts);
    return r < 0 ? r : keep(stacks, &drafts, HOLDERS_KEPT, &m->holders, &m->n_holders);
}
