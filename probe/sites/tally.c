/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/sites/tally.h"

#include "base/base.h"
#include "probe/sites/hash_index.h"

#define STRATA_MAX 131072u
#define CELLS_MAX 131072u
#define PAIRS_MAX 131072u
#define SHIFT_MAX 40 /* no machine has that many waits in a window */

struct tally_index {
    struct hash_index groups, strata, cells, pairs;
};

int tally_init(struct tally *tally)
{
    memset(tally, 0, sizeof(*tally));
    tally->index = calloc(1, sizeof(*tally->index));
    return tally->index ? 0 : -ENOMEM;
}

void tally_clear(struct tally *tally)
{
    free(tally->groups);
    free(tally->strata);
    free(tally->cells);
    free(tally->pairs);
    if (tally->index) {
        hash_index_clear(&tally->index->groups);
        hash_index_clear(&tally->index->strata);
        hash_index_clear(&tally->index->cells);
        hash_index_clear(&tally->index->pairs);
    }
    free(tally->index);
    memset(tally, 0, sizeof(*tally));
}

/*
 * The element with that hash, made (zeroed) when missing.
 * @return its position, -ENOBUFS (there are `max`), -ENOMEM
 */
static int64_t find(struct hash_index *index, uint64_t hash, void *array, size_t *n, size_t *capacity, size_t size,
                    size_t max)
{
    uint32_t known = hash_index_find(index, hash), *place;

    if (known)
        return known - 1;
    if (*n >= max)
        return -ENOBUFS;
    if (base_grow(array, capacity, *n + 1, size) < 0)
        return -ENOMEM;
    place = hash_index_place(index, hash);
    if (!place)
        return -ENOMEM;
    memset(*(char **)array + *n * size, 0, size);
    *place = (uint32_t)++ * n;
    return (int64_t)*n - 1;
}

/* Long within a factor of four. */
static uint32_t bucket_of(uint64_t ns)
{
    return (63 - (uint32_t)__builtin_clzll(ns | 1)) / 2;
}

static double weight_of(const struct tally_wait *wait)
{
    return (double)(UINT64_C(1) << (wait->shift < SHIFT_MAX ? wait->shift : SHIFT_MAX));
}

/* Of the thread, as long as there is room; then its siblings share one. */
static int64_t find_stratum(struct tally *tally, const struct tally_wait *wait)
{
    uint64_t alike = hash_mix(hash_mix(HASH_START, wait->tgid),
                              (uint64_t)wait->kind << 16 | (uint64_t)bucket_of(wait->ns) << 1 | wait->interpreter_lock);
    int64_t group = find(&tally->index->groups, alike, &tally->groups, &tally->n_groups, &tally->groups_capacity,
                         sizeof(*tally->groups), STRATA_MAX);
    uint32_t row = wait->row;
    int64_t at;

    if (group < 0)
        return group;
    at = find(&tally->index->strata, hash_mix(alike, row), &tally->strata, &tally->n_strata, &tally->strata_capacity,
              sizeof(*tally->strata), STRATA_MAX / 2);
    if (at == -ENOBUFS) {
        row = TALLY_NO_ROW;
        at = find(&tally->index->strata, hash_mix(alike, row), &tally->strata, &tally->n_strata,
                  &tally->strata_capacity, sizeof(*tally->strata), STRATA_MAX);
    }
    if (at >= 0) {
        tally->strata[at].tgid = wait->tgid;
        tally->strata[at].group = (uint32_t)group;
        tally->strata[at].kind = wait->kind;
        tally->strata[at].interpreter_lock = wait->interpreter_lock;
        tally->strata[at].of_row = row != TALLY_NO_ROW;
    }
    return at;
}

static struct tally_cell *find_cell(struct tally *tally, enum tally_subject subject, struct join_stack stack,
                                    uint32_t tgid, uint32_t row, uint32_t stratum, int *ret_error)
{
    uint64_t hash = hash_mix(hash_mix(HASH_START, (uint64_t)stack.python << 32 | stack.native), (uint64_t)subject);
    struct tally_cell *cell;
    int64_t at;

    hash = hash_mix(hash_mix(hash, tgid), stratum);
    if (subject == TALLY_SAMPLE || subject == TALLY_OWNER)
        hash = hash_mix(hash, row);
    at = find(&tally->index->cells, hash, &tally->cells, &tally->n_cells, &tally->cells_capacity, sizeof(*tally->cells),
              CELLS_MAX);
    if (at < 0) {
        *ret_error = (int)at;
        return NULL;
    }
    cell = &tally->cells[at];
    if (!cell->taken) {
        cell->stack = stack;
        cell->tgid = tgid;
        cell->row = row;
        cell->stratum = stratum;
        cell->subject = (uint8_t)subject;
        cell->of_row = stratum == TALLY_NO_STRATUM || tally->strata[stratum].of_row;
    }
    cell->taken++;
    return cell;
}

static int add_wait(struct tally *tally, enum tally_subject subject, struct join_stack stack, uint32_t row,
                    const struct tally_wait *wait, uint32_t stratum)
{
    double weight = weight_of(wait);
    int error = 0;
    struct tally_cell *cell = find_cell(tally, subject, stack, wait->tgid, row, stratum, &error);

    if (!cell)
        return error;
    cell->ns += weight * (double)wait->ns;
    cell->count += weight;
    if (wait->ns > cell->longest_ns)
        cell->longest_ns = wait->ns;
    return 0;
}

static bool is_stack(struct join_stack stack)
{
    return stack.python != JOIN_NONE || stack.native != JOIN_NONE;
}

/* A stack that is not among the few takes weight from each of them; one that loses all of it makes room. */
void tally_add_top(struct tally_top *top, struct join_stack stack, double weight)
{
    size_t least = 0;

    if (!is_stack(stack) || weight <= 0)
        return;
    for (size_t i = 0; i < TALLY_TOP; i++) {
        if (top->weight[i] > 0 && top->stack[i].python == stack.python && top->stack[i].native == stack.native) {
            top->weight[i] += weight;
            return;
        }
        if (top->weight[i] < top->weight[least])
            least = i;
    }
    if (top->weight[least] >= weight) {
        for (size_t i = 0; i < TALLY_TOP; i++)
            top->weight[i] -= weight;
        return;
    }
    weight -= top->weight[least];
    for (size_t i = 0; i < TALLY_TOP; i++)
        top->weight[i] -= i == least ? 0 : top->weight[least];
    top->stack[least] = stack;
    top->weight[least] = weight;
}

struct join_stack tally_heaviest(const struct tally_top *top)
{
    size_t most = 0;

    for (size_t i = 1; i < TALLY_TOP; i++)
        if (top->weight[i] > top->weight[most])
            most = i;
    return top->weight[most] > 0 ? top->stack[most] : (struct join_stack){JOIN_NONE, JOIN_NONE};
}

static int add_pair(struct tally *tally, const struct tally_wait *wait)
{
    uint64_t hash = hash_mix(hash_mix(HASH_START, (uint64_t)wait->row << 32 | wait->waker_row),
                             (uint64_t)wait->kind << 1 | wait->interpreter_lock);
    int64_t at = find(&tally->index->pairs, hash, &tally->pairs, &tally->n_pairs, &tally->pairs_capacity,
                      sizeof(*tally->pairs), PAIRS_MAX);
    double weight = (double)wait->ns * weight_of(wait);
    struct tally_pair *pair;

    if (at < 0)
        return at == -ENOBUFS ? 0 : (int)at;
    pair = &tally->pairs[at];
    pair->waiter = wait->row;
    pair->waker = wait->waker_row;
    pair->tgid = wait->tgid;
    pair->kind = wait->kind;
    pair->interpreter_lock = wait->interpreter_lock;
    pair->ns += wait->ns;
    pair->count++;
    if (wait->join) {
        tally_add_top(&pair->waiter_at, wait->join->stack, weight);
        tally_add_top(&pair->waker_at, wait->join->waker, weight);
    }
    return 0;
}

/* Who held what was waited for: of the interpreter lock the frames are known, of a mutex the owner. */
static int add_holders(struct tally *tally, const struct tally_wait *wait, uint32_t stratum)
{
    static const struct join_stack none = {JOIN_NONE, JOIN_NONE};
    int r = 0;

    if (is_stack(wait->join->holder))
        r = add_wait(tally, TALLY_HOLDER, wait->join->holder, wait->row, wait, stratum);
    if (r != -ENOMEM && wait->owner_row != TALLY_NO_ROW && !wait->interpreter_lock)
        r = add_wait(tally, TALLY_OWNER, none, wait->owner_row, wait, stratum);
    return r;
}

int tally_wait(struct tally *tally, const struct tally_wait *wait)
{
    int64_t stratum;
    int r = 0;

    if (wait->waker_row != TALLY_NO_ROW)
        r = add_pair(tally, wait);
    if (r == 0 && wait->join)
        tally->taken++;
    stratum = r == 0 ? find_stratum(tally, wait) : r;
    if (stratum < 0) {
        tally->unkept += wait->join != NULL;
        return stratum == -ENOBUFS ? 0 : (int)stratum;
    }
    tally->strata[stratum].ns += wait->ns;
    tally->strata[stratum].count++;
    if (!wait->join)
        return 0;
    tally->strata[stratum].seen_ns += weight_of(wait) * (double)wait->ns;
    tally->strata[stratum].seen_count += weight_of(wait);
    tally->strata[stratum].taken++;
    r = add_wait(tally, TALLY_WAIT, wait->join->stack, wait->row, wait, (uint32_t)stratum);
    tally->unkept += r < 0;
    if (r == 0)
        r = add_holders(tally, wait, (uint32_t)stratum);
    return r == -ENOBUFS ? 0 : r;
}

int tally_sample(struct tally *tally, uint32_t tgid, uint32_t row, const struct join *join)
{
    int error = 0;
    struct tally_cell *cell = find_cell(tally, TALLY_SAMPLE, join->stack, tgid, row, TALLY_NO_STRATUM, &error);

    tally->taken++;
    if (!cell) {
        tally->unkept++;
        return error == -ENOBUFS ? 0 : error;
    }
    cell->count++;
    return 0;
}

void tally_settle(struct tally *tally)
{
    for (size_t i = 0; i < tally->n_groups; i++)
        tally->groups[i] = (struct tally_group){0};
    for (size_t i = 0; i < tally->n_strata; i++) {
        struct tally_stratum *stratum = &tally->strata[i];
        struct tally_group *group = &tally->groups[stratum->group];

        stratum->stands_alone = stratum->of_row && stratum->taken >= TALLY_ALONE;
        if (stratum->stands_alone) {
            group->alone_ns += stratum->ns;
            group->alone_count += stratum->count;
            continue;
        }
        group->ns += stratum->ns;
        group->count += stratum->count;
        group->seen_ns += stratum->seen_ns;
        group->seen_count += stratum->seen_count;
    }
}

/* Where nobody who is left has a stack, those who stand alone stand for them, too. */
static double spread(double left_seen, uint64_t left, uint64_t alone)
{
    return left_seen > 0 || !alone ? 1.0 : 1.0 + (double)left / (double)alone;
}

double tally_cell_ns(const struct tally *tally, const struct tally_cell *cell, double exact)
{
    const struct tally_stratum *stratum = &tally->strata[cell->stratum];
    const struct tally_group *group = &tally->groups[stratum->group];

    if (stratum->stands_alone)
        return cell->ns * (double)stratum->ns / stratum->seen_ns * spread(group->seen_ns, group->ns, group->alone_ns) *
               exact;
    return group->seen_ns > 0 ? cell->ns * (double)group->ns / group->seen_ns * exact : 0;
}

double tally_cell_count(const struct tally *tally, const struct tally_cell *cell, double exact)
{
    const struct tally_stratum *stratum = &tally->strata[cell->stratum];
    const struct tally_group *group = &tally->groups[stratum->group];

    if (stratum->stands_alone)
        return cell->count * (double)stratum->count / stratum->seen_count *
               spread(group->seen_count, group->count, group->alone_count) * exact;
    return group->seen_count > 0 ? cell->count * (double)group->count / group->seen_count * exact : 0;
}
