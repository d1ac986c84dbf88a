/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/stacks.h"

#include "base/base.h"
#include "probe/bpf/abi.h"
#include "probe/runtime/cpython.h"
#include "probe/runtime/detect.h"

#define HASH_START 1469598103934665603ULL /* FNV-1a, 64 bit */

/* A code object, named once. */
struct named_code {
    const struct image *image;
    uint64_t address;
    struct cpython_code *code; /* NULL: could not be read */
};

struct named_frame {
    uint32_t code; /* index into codes */
    uint32_t line;
};

struct named_stack {
    uint64_t hash;
    uint32_t first, n; /* into frames */
    enum stack_place place;
};

/* A growing open-addressing index from a 64-bit hash to position + 1. */
struct hash_index {
    uint64_t *hashes;
    uint32_t *positions;
    size_t size, used;
};

struct stack_table {
    struct named_code *codes;
    size_t n_codes, codes_capacity;
    struct hash_index code_index;
    struct named_frame *frames;
    size_t n_frames, frames_capacity;
    struct named_stack *stacks;
    size_t n_stacks, stacks_capacity;
    struct hash_index stack_index;
    struct stack_site *sites;
    size_t n_sites, sites_capacity;
    struct hash_index site_index;
    uint64_t taken, failed;
};

static uint64_t mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * 1099511628211ULL;
    return hash ^ (hash >> 29);
}

static int index_grow(struct hash_index *index)
{
    size_t size = index->size ? index->size * 2 : 1024;
    uint64_t *hashes = calloc(size, sizeof(*hashes));
    uint32_t *positions = calloc(size, sizeof(*positions));

    if (!hashes || !positions) {
        free(hashes);
        free(positions);
        return -ENOMEM;
    }
    for (size_t i = 0; i < index->size; i++) {
        size_t at = index->hashes[i] & (size - 1);

        if (!index->positions[i])
            continue;
        while (positions[at])
            at = (at + 1) & (size - 1);
        hashes[at] = index->hashes[i];
        positions[at] = index->positions[i];
    }
    free(index->hashes);
    free(index->positions);
    index->hashes = hashes;
    index->positions = positions;
    index->size = size;
    return 0;
}

/* @return the place of this hash (its position is 0 where it is new), or NULL: no memory. Equal hashes are one. */
static uint32_t *index_place(struct hash_index *index, uint64_t hash)
{
    size_t at;

    if (index->used * 2 >= index->size && index_grow(index) < 0)
        return NULL;
    at = hash & (index->size - 1);
    while (index->positions[at] && index->hashes[at] != hash)
        at = (at + 1) & (index->size - 1);
    if (!index->positions[at]) {
        index->hashes[at] = hash;
        index->used++;
    }
    return &index->positions[at];
}

static void index_clear(struct hash_index *index)
{
    free(index->hashes);
    free(index->positions);
}

struct stack_table *stack_table_new(void)
{
    return calloc(1, sizeof(struct stack_table));
}

void stack_table_free(struct stack_table *table)
{
    if (!table)
        return;
    for (size_t i = 0; i < table->n_codes; i++)
        cpython_code_free(table->codes[i].code);
    free(table->codes);
    free(table->frames);
    free(table->stacks);
    free(table->sites);
    index_clear(&table->code_index);
    index_clear(&table->stack_index);
    index_clear(&table->site_index);
    free(table);
}

/* @return index of the code object, or -ENOMEM */
static int64_t find_code(struct stack_table *table, const struct image *image, uint32_t tgid, uint64_t address)
{
    uint64_t hash = mix(mix(HASH_START, (uintptr_t)image), address);
    uint32_t *place = index_place(&table->code_index, hash);
    struct named_code *entry;

    if (!place)
        return -ENOMEM;
    if (*place) {
        entry = &table->codes[*place - 1];
        if (!entry->code) /* another process with the same image may still be readable */
            (void)cpython_code_read((pid_t)tgid, &image->offsets, address, &entry->code);
        return *place - 1;
    }
    if (base_grow(&table->codes, &table->codes_capacity, table->n_codes + 1, sizeof(*entry)) < 0)
        return -ENOMEM;
    entry = &table->codes[table->n_codes++];
    *entry = (struct named_code){.image = image, .address = address};
    (void)cpython_code_read((pid_t)tgid, &image->offsets, address, &entry->code);
    *place = (uint32_t)table->n_codes;
    return (int64_t)table->n_codes - 1;
}

static bool ends_with(const char *text, const char *suffix)
{
    size_t length = strlen(text), tail = strlen(suffix);

    return length >= tail && strcmp(text + length - tail, suffix) == 0;
}

/* asyncio runs everything from BaseEventLoop._run_once (asyncio/base_events.py); its wait is selectors.py's select. */
static enum stack_place place_of(const struct stack_table *table, const struct named_frame *frames, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct cpython_code *code = table->codes[frames[i].code].code;
        const struct cpython_code *leaf = table->codes[frames[0].code].code;

        if (!code || !ends_with(code->name, "_run_once") || !ends_with(code->filename, "asyncio/base_events.py"))
            continue;
        if (i == 0) /* the loop's own bookkeeping */
            return STACK_IN_SELECTOR;
        if (i == 1 && leaf && ends_with(leaf->name, "select") && ends_with(leaf->filename, "selectors.py"))
            return STACK_IN_SELECTOR;
        return STACK_IN_TURN;
    }
    return STACK_OUTSIDE_LOOP;
}

/* @return index of the stack, -ENOMEM or -ESRCH (nothing in it has a name) */
static int64_t find_stack(struct stack_table *table, const struct stack_record *record, const struct image *image)
{
    struct named_frame frames[STACK_DEPTH];
    uint64_t hash = HASH_START;
    struct named_stack *stack;
    size_t n = record->n_frames, named = 0;
    uint32_t *place;

    if (n > STACK_DEPTH)
        n = STACK_DEPTH;
    for (size_t i = 0; i < n; i++) {
        int64_t code = find_code(table, image, record->tgid, record->code[i]);

        if (code < 0)
            return code;
        frames[i].code = (uint32_t)code;
        frames[i].line = 0;
        if (table->codes[code].code) {
            frames[i].line = cpython_frame_line(table->codes[code].code, record->instr[i]);
            named++;
        }
        hash = mix(mix(hash, frames[i].code), frames[i].line);
    }
    if (!named)
        return -ESRCH;
    place = index_place(&table->stack_index, hash);
    if (!place)
        return -ENOMEM;
    if (*place)
        return *place - 1;
    if (base_grow(&table->frames, &table->frames_capacity, table->n_frames + n, sizeof(*frames)) < 0 ||
        base_grow(&table->stacks, &table->stacks_capacity, table->n_stacks + 1, sizeof(*stack)) < 0)
        return -ENOMEM;
    stack = &table->stacks[table->n_stacks++];
    stack->hash = hash;
    stack->first = (uint32_t)table->n_frames;
    stack->n = (uint32_t)n;
    stack->place = place_of(table, frames, n);
    memcpy(table->frames + table->n_frames, frames, n * sizeof(*frames));
    table->n_frames += n;
    *place = (uint32_t)table->n_stacks;
    return (int64_t)table->n_stacks - 1;
}

static struct stack_site *find_site(struct stack_table *table, uint32_t stack, uint32_t tgid, bool on_cpu,
                                    uint32_t kind, bool interpreter_lock)
{
    uint64_t hash = mix(HASH_START, stack);
    struct stack_site *site;
    uint32_t *place;

    hash = mix(mix(hash, tgid), ((uint64_t)kind << 2) | (uint64_t)on_cpu << 1 | interpreter_lock);
    place = index_place(&table->site_index, hash);
    if (!place)
        return NULL;
    if (*place)
        return &table->sites[*place - 1];
    if (base_grow(&table->sites, &table->sites_capacity, table->n_sites + 1, sizeof(*site)) < 0)
        return NULL;
    site = &table->sites[table->n_sites++];
    *site = (struct stack_site){
        .stack = stack, .tgid = tgid, .on_cpu = on_cpu, .kind = kind, .interpreter_lock = interpreter_lock};
    *place = (uint32_t)table->n_sites;
    return site;
}

static void add_to_site(struct stack_site *site, uint32_t tid, uint64_t ns)
{
    if (site->top_tid != tid && site->threads < UINT32_MAX)
        site->threads++;
    if (ns >= site->longest_ns) {
        site->longest_ns = ns;
        site->top_tid = tid;
    }
    site->time_ns += ns;
    site->count++;
}

int stack_table_add(struct stack_table *table, const struct stack_record *record, const struct image *image,
                    uint32_t *ret_stack)
{
    struct stack_site *site;
    int64_t stack;

    table->taken++;
    stack = image->has_offsets ? find_stack(table, record, image) : -ESRCH;
    if (stack < 0) {
        table->failed++;
        return (int)stack;
    }
    if (record->role == STACK_SAMPLE) {
        site = find_site(table, (uint32_t)stack, record->tgid, true, 0, record->lock_held);
        if (!site)
            return -ENOMEM;
        add_to_site(site, record->tid, 0);
    }
    *ret_stack = (uint32_t)stack;
    return 0;
}

int stack_table_wait(struct stack_table *table, uint32_t stack, uint32_t tid, uint32_t tgid, uint32_t kind,
                     bool interpreter_lock, uint64_t ns)
{
    struct stack_site *site = find_site(table, stack, tgid, false, kind, interpreter_lock);

    if (!site)
        return -ENOMEM;
    add_to_site(site, tid, ns);
    return 0;
}

size_t stack_table_sites(const struct stack_table *table, const struct stack_site **ret_sites)
{
    *ret_sites = table->sites;
    return table->n_sites;
}

size_t stack_table_depth(const struct stack_table *table, uint32_t stack)
{
    return table->stacks[stack].n;
}

struct stack_frame stack_table_frame(const struct stack_table *table, uint32_t stack, size_t depth)
{
    const struct named_frame *frame = &table->frames[table->stacks[stack].first + depth];
    const struct cpython_code *code = table->codes[frame->code].code;

    if (!code)
        return (struct stack_frame){.function = "?"};
    return (struct stack_frame){
        .function = code->name,
        .file = code->filename,
        .line = frame->line,
        .coroutine = code->coroutine,
    };
}

enum stack_place stack_table_place(const struct stack_table *table, uint32_t stack)
{
    return table->stacks[stack].place;
}

uint64_t stack_table_taken(const struct stack_table *table)
{
    return table->taken;
}

uint64_t stack_table_failed(const struct stack_table *table)
{
    return table->failed;
}
