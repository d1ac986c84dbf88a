/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/assemble/assemble_stacks.h"

#include "base/base.h"
#include "probe/assemble/assemble_parts.h"
#include "probe/cause.h"
#include "probe/follow/collector.h"
#include "probe/sites/frames.h"
#include "probe/sites/hash_index.h"
#include "probe/sites/natives.h"
#include "probe/sites/tally.h"

/* What the waits of one process and kind took: as the slices tell, and exactly. */
struct kind_sum {
    uint64_t slices_ns;
    uint64_t exact_ns;
};

static uint64_t kind_hash(uint32_t tgid, uint32_t kind, bool interpreter_lock)
{
    return hash_mix(hash_mix(HASH_START, tgid), (uint64_t)kind << 1 | interpreter_lock);
}

static void sum_thread(const struct run_thread *thread, const struct hash_index *index, struct kind_sum *sums)
{
    for (uint32_t kind = 0; kind < WAIT_KIND_COUNT; kind++) {
        uint64_t all = thread->account.blocked_ns[kind];
        uint64_t lock = thread->interpreter_lock_ns[kind] < all ? thread->interpreter_lock_ns[kind] : all;
        uint64_t parts[] = {all - lock, lock};

        for (int part = 0; part < 2; part++) {
            uint32_t at = parts[part] ? hash_index_find(index, kind_hash(thread->tgid, kind, part)) : 0;

            if (at)
                sums[at - 1].exact_ns += parts[part];
        }
    }
}

/* Lost slices make the sums fall short of the accounts. */
static double ratio(const struct kind_sum *sum)
{
    if (sum->exact_ns <= sum->slices_ns || !sum->slices_ns)
        return 1.0;
    return (double)sum->exact_ns / (double)sum->slices_ns;
}

static int fill_exact(struct assemble_stacks *stacks)
{
    const struct collector *c = stacks->collector;
    const struct tally *tally = &c->tally;
    CLEANUP(hash_index_clear) struct hash_index index = {0};
    AUTO_FREE struct kind_sum *sums = calloc(tally->n_strata + 1, sizeof(*sums));
    AUTO_FREE uint32_t *sum_of = calloc(tally->n_strata + 1, sizeof(*sum_of));
    uint32_t n = 0;

    stacks->exact = calloc(tally->n_strata + 1, sizeof(*stacks->exact));
    if (!sums || !sum_of || !stacks->exact)
        return -ENOMEM;
    for (size_t i = 0; i < tally->n_strata; i++) {
        const struct tally_stratum *stratum = &tally->strata[i];
        uint32_t *place = hash_index_place(&index, kind_hash(stratum->tgid, stratum->kind, stratum->interpreter_lock));

        if (!place)
            return -ENOMEM;
        if (!*place)
            *place = ++n;
        sum_of[i] = *place - 1;
        sums[sum_of[i]].slices_ns += stratum->ns;
    }
    for (size_t i = 0; i < c->state.n_threads; i++)
        sum_thread(&c->state.threads[i], &index, sums);
    for (size_t i = 0; i < tally->n_strata; i++)
        stacks->exact[i] = ratio(&sums[sum_of[i]]);
    return 0;
}

static int count_samples(struct assemble_stacks *stacks)
{
    const struct collector *c = stacks->collector;

    stacks->row_samples = calloc(c->state.n_threads + 1, sizeof(*stacks->row_samples));
    if (!stacks->row_samples)
        return -ENOMEM;
    for (size_t i = 0; i < c->tally.n_cells; i++) {
        const struct tally_cell *cell = &c->tally.cells[i];

        if (cell->subject == TALLY_SAMPLE && cell->row < c->state.n_threads)
            stacks->row_samples[cell->row] += base_to_u64(cell->count);
    }
    return 0;
}

static void find_renamed_of(const struct assemble_stacks *stacks, const struct run_thread *from,
                            const struct thread *to, float *ret_shares)
{
    uint64_t before[CAUSE_COUNT] = {0};

    for (uint32_t kind = 0; kind < WAIT_KIND_COUNT; kind++)
        if (from->account.blocked_ns[kind] > from->interpreter_lock_ns[kind])
            before[assemble_cause(stacks, from->tgid, kind, false)] +=
                from->account.blocked_ns[kind] - from->interpreter_lock_ns[kind];
    for (int cause = 0; cause < CAUSE_COUNT; cause++)
        if (to->blocked_ns[cause] < before[cause])
            ret_shares[cause] = (float)(1.0 - (double)to->blocked_ns[cause] / (double)before[cause]);
}

static int find_renamed(struct assemble_stacks *stacks, const struct measurement *m)
{
    const struct run_state *state = &stacks->collector->state;
    size_t n = 0;

    stacks->renamed = calloc(state->n_threads + 1, sizeof(*stacks->renamed));
    if (!stacks->renamed)
        return -ENOMEM;
    /* Rows that were not closed are not in the measurement; the others are, in the same order. */
    for (size_t i = 0; i < state->n_threads && n < m->n_threads; i++)
        if (state->threads[i].closed)
            find_renamed_of(stacks, &state->threads[i], &m->threads[n++], stacks->renamed[i]);
    return 0;
}

double assemble_cell_ns(const struct assemble_stacks *stacks, const struct tally_cell *cell)
{
    const struct run_state *state = &stacks->collector->state;

    if (cell->subject != TALLY_SAMPLE)
        return tally_cell_ns(&stacks->collector->tally, cell, stacks->exact[cell->stratum]);
    if (cell->row >= state->n_threads || !stacks->row_samples[cell->row])
        return 0;
    return (double)state->threads[cell->row].account.on_cpu_ns * cell->count / (double)stacks->row_samples[cell->row];
}

double assemble_cell_count(const struct assemble_stacks *stacks, const struct tally_cell *cell)
{
    if (cell->subject == TALLY_SAMPLE)
        return cell->count;
    return tally_cell_count(&stacks->collector->tally, cell, stacks->exact[cell->stratum]);
}

enum cause assemble_cause(const struct assemble_stacks *stacks, uint32_t tgid, uint32_t kind, bool interpreter_lock)
{
    struct wait_context context =
        assemble_context(run_state_find_process(&stacks->collector->state, tgid), interpreter_lock);
    enum cause cause = cause_of_wait(kind, &context);

    return cause == CAUSE_COUNT ? CAUSE_OTHER : cause;
}

int assemble_frames(const struct assemble_stacks *stacks, struct join_stack stack, struct frame **ret_frames,
                    size_t *ret_n)
{
    uint32_t index;
    int r = frame_table_merge(stacks->frames, stack, &index);

    if (r == 0 && frame_table_is_named(stacks->frames, index))
        r = frame_table_copy(stacks->frames, index, ret_frames, ret_n);
    return r;
}

/* What is named first is what most time depends on. */
static void weigh(const struct assemble_stacks *stacks, struct natives *natives)
{
    const struct collector *c = stacks->collector;

    for (size_t i = 0; i < c->tally.n_cells; i++) {
        const struct tally_cell *cell = &c->tally.cells[i];
        double ns = assemble_cell_ns(stacks, cell);

        natives_weigh(natives, cell->stack.native, ns > 0 ? ns : 1);
    }
    for (size_t i = 0; i < c->tally.n_pairs; i++) {
        const struct tally_pair *pair = &c->tally.pairs[i];

        natives_weigh(natives, tally_heaviest(&pair->waker_at).native, (double)pair->ns + 1);
        natives_weigh(natives, tally_heaviest(&pair->waiter_at).native, 1);
    }
    for (size_t i = 0; i < c->n_connects; i++)
        natives_weigh(natives, c->connects[i].stack.native, 1);
}

static int note_counts(const struct natives *natives, struct measurement *m)
{
    struct natives_counts counts;
    char text[160];

    natives_count(natives, &counts);
    if (!counts.unnamed)
        return 0;
    (void)snprintf(text, sizeof(text), "%llu of %llu distinct native stacks were not named: the time for it was up.",
                   (unsigned long long)counts.unnamed, (unsigned long long)counts.distinct);
    return measurement_note(m, text);
}

static void clear(struct assemble_stacks *stacks)
{
    frame_table_free(stacks->frames);
    free(stacks->exact);
    free(stacks->row_samples);
    free(stacks->renamed);
}

int assemble_all_stacks(struct collector *c, struct measurement *m)
{
    static int (*const parts[])(const struct assemble_stacks *, struct measurement *) = {
        assemble_sites, assemble_holders, assemble_wakers, assemble_peers};
    CLEANUP(clear) struct assemble_stacks stacks = {.collector = c};
    int r;

    collector_finish(c);
    r = fill_exact(&stacks);
    if (r == 0)
        r = count_samples(&stacks);
    if (r == 0)
        r = find_renamed(&stacks, m);
    if (r < 0)
        return r;
    weigh(&stacks, c->natives);
    r = natives_name(c->natives, NATIVES_BUDGET_NS);
    stacks.frames = frame_table_new(c->stacks, c->natives);
    if (!stacks.frames)
        return -ENOMEM;
    for (size_t i = 0; i < ARRAY_SIZE(parts) && r == 0; i++)
        r = parts[i](&stacks, m);
    if (r == 0)
        r = assemble_modules(m);
    return r == 0 ? note_counts(c->natives, m) : r;
}
