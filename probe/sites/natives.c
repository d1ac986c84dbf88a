/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/sites/natives.h"

#include <time.h>

#include "base/base.h"
#include "probe/sites/hash_index.h"
#include "probe/measurement.h"
#include "probe/follow/run_state.h"
#include "probe/symbols/mappings.h"
#include "probe/symbols/symbols.h"
#include "probe/wire.h"

#define INDEX_MAX 262144u /* distinct stacks ever, most of them dropped */
#define VICTIMS 32        /* looked at to find the one seen least often */
#define INLINED_MAX 16    /* functions at one address */
#define DEPTH_MAX 96

struct native {
    const struct run_space *space;
    struct wire_native *raw; /* owned; NULL: dropped, or named by now */
    double weight;
    uint32_t uses;
    uint32_t first, n; /* into lines, when named */
};

/* The frames of one address of one space. */
struct named_pc {
    uint32_t first, n; /* into names */
};

struct natives {
    struct native *list;
    size_t n, capacity;
    struct hash_index index;
    uint32_t kept[NATIVES_MAX]; /* those with a copy */
    uint32_t n_kept, hand;
    size_t bytes;
    /* When named: */
    struct frame *names;
    size_t n_names, names_capacity;
    uint32_t *lines; /* of a stack: indices into names */
    size_t n_lines, lines_capacity;
    struct named_pc *pcs;
    size_t n_pcs, pcs_capacity;
    struct hash_index pc_index;
    struct natives_counts counts;
};

struct natives *natives_new(void)
{
    return calloc(1, sizeof(struct natives));
}

static void clear_frame(struct frame *frame)
{
    free(frame->function);
    free(frame->file);
    free(frame->module);
}

void natives_free(struct natives *natives)
{
    if (!natives)
        return;
    for (size_t i = 0; i < natives->n; i++)
        free(natives->list[i].raw);
    for (size_t i = 0; i < natives->n_names; i++)
        clear_frame(&natives->names[i]);
    free(natives->list);
    free(natives->names);
    free(natives->lines);
    free(natives->pcs);
    hash_index_clear(&natives->index);
    hash_index_clear(&natives->pc_index);
    free(natives);
}

static const uint8_t *copy_of(const struct wire_native *native)
{
    return (const uint8_t *)&native->chain[native->n_chain];
}

static bool is_whole(const struct wire_native *native)
{
    return native->n_chain <= CHAIN_DEPTH && native->n_copy <= STACK_COPY &&
           sizeof(*native) + native->n_chain * sizeof(uint64_t) + native->n_copy <= native->size;
}

/* Of a few stacks in turn, drop the copy of the one seen least often. */
static void drop_one(struct natives *natives)
{
    uint32_t victim = 0, fewest = UINT32_MAX;
    struct native *native;

    for (uint32_t i = 0; i < VICTIMS && i < natives->n_kept; i++) {
        uint32_t at = (natives->hand + i) % natives->n_kept;

        if (natives->list[natives->kept[at]].uses < fewest) {
            fewest = natives->list[natives->kept[at]].uses;
            victim = at;
        }
    }
    natives->hand = natives->n_kept ? (natives->hand + VICTIMS) % natives->n_kept : 0;
    native = &natives->list[natives->kept[victim]];
    natives->bytes -= native->raw->size;
    free(native->raw);
    native->raw = NULL;
    natives->kept[victim] = natives->kept[--natives->n_kept];
    natives->counts.dropped++;
}

static int keep_copy(struct natives *natives, uint32_t index, const struct wire_native *native)
{
    struct wire_native *copy = malloc(native->size);

    if (!copy)
        return -ENOMEM;
    memcpy(copy, native, native->size);
    while (natives->n_kept && (natives->n_kept >= NATIVES_MAX || natives->bytes + native->size > NATIVES_BYTES))
        drop_one(natives);
    natives->list[index].raw = copy;
    natives->bytes += native->size;
    natives->kept[natives->n_kept++] = index;
    return 0;
}

int natives_add(struct natives *natives, const struct run_space *space, const struct wire_native *native,
                uint32_t *ret_index)
{
    uint64_t hash;
    uint32_t known, *place;
    int r;

    if (!is_whole(native))
        return -EBADMSG;
    hash = hash_mix(symbols_stack_hash(space->mappings, &native->registers, copy_of(native), native->n_copy),
                    (uintptr_t)space);
    known = hash_index_find(&natives->index, hash);
    if (!known) {
        if (natives->n >= INDEX_MAX)
            return -ENOBUFS;
        if (base_grow(&natives->list, &natives->capacity, natives->n + 1, sizeof(*natives->list)) < 0)
            return -ENOMEM;
        place = hash_index_place(&natives->index, hash);
        if (!place)
            return -ENOMEM;
        natives->list[natives->n] = (struct native){.space = space};
        known = *place = (uint32_t)++natives->n;
        natives->counts.distinct++;
    }
    natives->list[known - 1].uses++;
    if (!natives->list[known - 1].raw) { /* new, or back after it was dropped */
        r = keep_copy(natives, known - 1, native);
        if (r < 0)
            return r;
    }
    *ret_index = known - 1;
    return 0;
}

void natives_weigh(struct natives *natives, uint32_t index, double weight)
{
    if (index < natives->n)
        natives->list[index].weight += weight;
}

/* The frames of one address, from symbols or from an earlier answer. @return 0 or -ENOMEM */
static int name_pc(struct natives *natives, struct symbols *symbols, uint64_t pc, struct named_pc *ret_named)
{
    uint32_t *place = hash_index_place(&natives->pc_index, hash_mix(HASH_START, pc));
    struct frame frames[INLINED_MAX];
    ssize_t n;

    if (!place)
        return -ENOMEM;
    if (*place) {
        *ret_named = natives->pcs[*place - 1];
        return 0;
    }
    if (base_grow(&natives->pcs, &natives->pcs_capacity, natives->n_pcs + 1, sizeof(*natives->pcs)) < 0 ||
        base_grow(&natives->names, &natives->names_capacity, natives->n_names + INLINED_MAX, sizeof(*frames)) < 0)
        return -ENOMEM;
    n = symbols_resolve(symbols, pc, frames, INLINED_MAX);
    if (n == -ENOMEM)
        return -ENOMEM;
    ret_named->first = (uint32_t)natives->n_names;
    ret_named->n = n > 0 ? (uint32_t)n : 0;
    for (uint32_t i = 0; i < ret_named->n; i++)
        natives->names[natives->n_names++] = frames[i];
    natives->pcs[natives->n_pcs++] = *ret_named;
    *place = (uint32_t)natives->n_pcs;
    return 0;
}

/* A run of functions without a name in one module says no more than the first of them. */
static bool says_more(const struct natives *natives, const struct native *native, uint32_t name)
{
    const struct frame *frame = &natives->names[name], *last;

    if (native->n == 0 || strcmp(frame->function, "?") != 0)
        return true;
    last = &natives->names[natives->lines[natives->n_lines - 1]];
    return strcmp(last->function, "?") != 0 || !last->module || !frame->module ||
           strcmp(last->module, frame->module) != 0;
}

static int name_stack(struct natives *natives, struct symbols *symbols, struct native *native)
{
    const struct wire_native *raw = native->raw;
    uint64_t pcs[DEPTH_MAX];
    size_t n =
        symbols_unwind(symbols, &raw->registers, copy_of(raw), raw->n_copy, raw->chain, raw->n_chain, pcs, DEPTH_MAX);

    native->first = (uint32_t)natives->n_lines;
    for (size_t i = 0; i < n; i++) {
        struct named_pc named;
        int r = name_pc(natives, symbols, i ? pcs[i] - 1 : pcs[i], &named);

        if (r < 0)
            return r;
        if (base_grow(&natives->lines, &natives->lines_capacity, natives->n_lines + named.n, sizeof(uint32_t)) < 0)
            return -ENOMEM;
        for (uint32_t k = 0; k < named.n; k++) {
            if (!says_more(natives, native, named.first + k))
                continue;
            natives->lines[natives->n_lines++] = named.first + k;
            native->n++;
        }
    }
    return 0;
}

static uint64_t now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NSEC_PER_SEC + (uint64_t)now.tv_nsec;
}

/* Space by space, as each needs its own symbols: the spaces that matter most first, and so their stacks. */
struct task {
    struct native *native;
    double space_weight;
};

static int by_space(const void *left, const void *right)
{
    const struct task *a = left, *b = right;

    return (a->native->space > b->native->space) - (a->native->space < b->native->space);
}

static int by_weight(const void *left, const void *right)
{
    const struct task *a = left, *b = right;

    if (a->space_weight != b->space_weight)
        return a->space_weight < b->space_weight ? 1 : -1;
    if (a->native->space != b->native->space)
        return by_space(left, right);
    return (a->native->weight < b->native->weight) - (a->native->weight > b->native->weight);
}

static size_t list_tasks(struct natives *natives, struct task *tasks)
{
    size_t n = 0;

    for (size_t i = 0; i < natives->n; i++)
        if (natives->list[i].raw && natives->list[i].weight > 0)
            tasks[n++] = (struct task){.native = &natives->list[i]};
    qsort(tasks, n, sizeof(*tasks), by_space);
    for (size_t i = 0, end; i < n; i = end) {
        double sum = 0;

        for (end = i; end < n && tasks[end].native->space == tasks[i].native->space; end++)
            sum += tasks[end].native->weight;
        for (size_t k = i; k < end; k++)
            tasks[k].space_weight = sum;
    }
    qsort(tasks, n, sizeof(*tasks), by_weight);
    return n;
}

/* Name the stacks of one space; what does not fit into the time is counted. @return how many tasks, or -ENOMEM */
static ssize_t name_space(struct natives *natives, const struct task *tasks, size_t n, uint64_t deadline)
{
    const struct run_space *space = tasks[0].native->space;
    CLEANUP(symbols_freep) struct symbols *symbols = NULL;
    size_t i;
    int r = 0;

    if (now_ns() < deadline)
        r = symbols_new(space->mappings, (pid_t)space->tgid, &symbols);
    if (r < 0)
        return r;
    for (i = 0; i < n && tasks[i].native->space == space; i++) {
        if (!symbols || now_ns() >= deadline) {
            natives->counts.unnamed++;
            continue;
        }
        r = name_stack(natives, symbols, tasks[i].native);
        if (r < 0)
            return r;
    }
    /* The same address is something else in the next space. */
    hash_index_clear(&natives->pc_index);
    natives->n_pcs = 0;
    return (ssize_t)i;
}

int natives_name(struct natives *natives, uint64_t budget_ns)
{
    AUTO_FREE struct task *tasks = calloc(natives->n ? natives->n : 1, sizeof(*tasks));
    uint64_t begin = now_ns();
    size_t n;

    if (!tasks)
        return -ENOMEM;
    n = list_tasks(natives, tasks);
    for (size_t i = 0; i < n;) {
        ssize_t done = name_space(natives, tasks + i, n - i, begin + budget_ns);

        if (done < 0)
            return (int)done;
        i += (size_t)done;
    }
    natives->counts.spent_ns = now_ns() - begin;
    return 0;
}

size_t natives_depth(const struct natives *natives, uint32_t index)
{
    return index < natives->n ? natives->list[index].n : 0;
}

const struct frame *natives_frame(const struct natives *natives, uint32_t index, size_t depth)
{
    return &natives->names[natives->lines[natives->list[index].first + depth]];
}

const struct wire_native *natives_raw(const struct natives *natives, uint32_t index)
{
    return index < natives->n ? natives->list[index].raw : NULL;
}

const struct run_space *natives_space(const struct natives *natives, uint32_t index)
{
    return index < natives->n ? natives->list[index].space : NULL;
}

void natives_count(const struct natives *natives, struct natives_counts *ret_counts)
{
    *ret_counts = natives->counts;
}
