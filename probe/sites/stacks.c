/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/sites/stacks.h"

#include "base/base.h"
#include "probe/bpf/abi.h"
#include "probe/sites/hash_index.h"
#include "probe/runtime/cpython.h"
#include "probe/runtime/detect.h"

/*
 * Addresses are reused, most of all while a program imports its modules: look again whether it is still the same code
 * object after this, and if so after twice as long, up to a second.
 */
#define RECHECK_FIRST_NS (10 * NSEC_PER_MSEC)
#define RECHECK_LAST_NS NSEC_PER_SEC

/* A code object, named once. */
struct named_code {
    const struct image *image;
    uint64_t address;
    struct cpython_code *code; /* NULL: could not be read */
};

/* Which code object a process had at an address when it was last looked at. */
struct seen_code {
    uint32_t code; /* index into codes */
    uint64_t checked;
    uint64_t good_for_ns;
};

struct named_frame {
    uint32_t code; /* index into codes */
    uint32_t line;
};

struct named_stack {
    uint64_t hash;
    uint32_t first, n; /* into frames */
    enum stack_place place;
    uint32_t turn; /* frames inside the turn: those before _run_once; 0: none */
};

struct stack_table {
    struct named_code *codes;
    size_t n_codes, codes_capacity;
    struct hash_index code_index; /* by image and address: the newest */
    struct seen_code *seen;
    size_t n_seen, seen_capacity;
    struct hash_index seen_index; /* by image, process and address */
    struct named_frame *frames;
    size_t n_frames, frames_capacity;
    struct named_stack *stacks;
    size_t n_stacks, stacks_capacity;
    struct hash_index stack_index;
    bool refused;
};

struct stack_table *stack_table_new(void)
{
    return calloc(1, sizeof(struct stack_table));
}

bool stack_table_was_refused(const struct stack_table *table)
{
    return table->refused;
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
    free(table->seen);
    hash_index_clear(&table->code_index);
    hash_index_clear(&table->stack_index);
    hash_index_clear(&table->seen_index);
    free(table);
}

static void read_code(struct stack_table *table, uint32_t tgid, struct named_code *entry)
{
    if (cpython_code_read((pid_t)tgid, &entry->image->offsets, entry->address, &entry->code) == -EPERM)
        table->refused = true;
}

static int64_t add_code(struct stack_table *table, const struct image *image, uint32_t tgid, uint64_t address,
                        uint32_t *place)
{
    struct named_code *entry;

    if (base_grow(&table->codes, &table->codes_capacity, table->n_codes + 1, sizeof(*entry)) < 0)
        return -ENOMEM;
    entry = &table->codes[table->n_codes++];
    *entry = (struct named_code){.image = image, .address = address};
    read_code(table, tgid, entry);
    *place = (uint32_t)table->n_codes;
    return (int64_t)table->n_codes - 1;
}

/*
 * What is at that address now. A process forked from the one that was read first has the same objects, as long as
 * neither has freed them; one that is gone can no more be asked, then it is taken for the same.
 *
 * @return index of the code object, or -ENOMEM
 */
static int64_t look_at_code(struct stack_table *table, const struct image *image, uint32_t tgid, uint64_t address)
{
    uint32_t *place = hash_index_place(&table->code_index, hash_mix(hash_mix(HASH_START, (uintptr_t)image), address));
    struct named_code *entry;
    uint64_t identity;

    if (!place)
        return -ENOMEM;
    if (!*place)
        return add_code(table, image, tgid, address, place);
    entry = &table->codes[*place - 1];
    if (!entry->code)
        read_code(table, tgid, entry);
    else if (cpython_code_identity((pid_t)tgid, &image->offsets, address, &identity) == 0 &&
             identity != entry->code->identity)
        return add_code(table, image, tgid, address, place);
    return *place - 1;
}

/* @return index of the code object, or -ENOMEM */
static int64_t find_code(struct stack_table *table, const struct image *image, const struct stack_record *record,
                         uint64_t address)
{
    uint64_t hash = hash_mix(hash_mix(hash_mix(HASH_START, (uintptr_t)image), record->tgid), address);
    uint32_t *place = hash_index_place(&table->seen_index, hash);
    struct seen_code *seen = place && *place ? &table->seen[*place - 1] : NULL;
    int64_t code;

    if (!place)
        return -ENOMEM;
    if (seen && table->codes[seen->code].code && record->time < seen->checked + seen->good_for_ns)
        return seen->code;
    code = look_at_code(table, image, record->tgid, address);
    if (code < 0)
        return code;
    if (!seen) {
        if (base_grow(&table->seen, &table->seen_capacity, table->n_seen + 1, sizeof(*seen)) < 0)
            return -ENOMEM;
        seen = &table->seen[table->n_seen++];
        *seen = (struct seen_code){0};
        *place = (uint32_t)table->n_seen;
    }
    if (seen->good_for_ns && seen->code == (uint32_t)code)
        seen->good_for_ns = seen->good_for_ns < RECHECK_LAST_NS / 2 ? seen->good_for_ns * 2 : RECHECK_LAST_NS;
    else
        seen->good_for_ns = RECHECK_FIRST_NS;
    seen->code = (uint32_t)code;
    seen->checked = record->time;
    return code;
}

/* asyncio runs everything from BaseEventLoop._run_once (asyncio/base_events.py); its wait is selectors.py's select. */
static void find_place(const struct stack_table *table, const struct named_frame *frames, struct named_stack *stack)
{
    const struct cpython_code *leaf = table->codes[frames[0].code].code;

    stack->place = STACK_OUTSIDE_LOOP;
    for (uint32_t i = 0; i < stack->n; i++) {
        const struct cpython_code *code = table->codes[frames[i].code].code;

        if (!code || !base_ends_with(code->name, "_run_once") ||
            !base_ends_with(code->filename, "asyncio/base_events.py"))
            continue;
        stack->place = STACK_IN_SELECTOR;
        if (i == 0) /* the loop's own bookkeeping */
            return;
        if (i == 1 && leaf && base_ends_with(leaf->name, "select") && base_ends_with(leaf->filename, "selectors.py"))
            return;
        stack->place = STACK_IN_TURN;
        stack->turn = i;
        return;
    }
    for (uint32_t i = 0; i < stack->n; i++) {
        const struct cpython_code *code = table->codes[frames[i].code].code;

        if (!code || !code->coroutine)
            continue;
        stack->place = STACK_IN_COROUTINE;
        stack->turn = i + 1;
    }
}

/* The frame that tells what a turn runs: a coroutine lives on from one turn to the next, its callers don't. */
static uint64_t step_of(const struct stack_table *table, const struct stack_record *record,
                        const struct named_stack *stack)
{
    for (uint32_t i = stack->turn; i > 0; i--) {
        const struct cpython_code *code = table->codes[table->frames[stack->first + i - 1].code].code;

        if (code && code->coroutine)
            return record->frame[i - 1];
    }
    return stack->turn ? record->frame[stack->turn - 1] | STACK_STEP_PLAIN : 0;
}

/* @return index of the stack, -ENOMEM, -ESRCH (nothing in it has a name), -ENOBUFS */
static int64_t find_stack(struct stack_table *table, const struct stack_record *record, const struct image *image)
{
    struct named_frame frames[STACK_DEPTH];
    uint64_t hash = HASH_START;
    struct named_stack *stack;
    size_t n = record->n_frames, named = 0;
    uint32_t *place, known;

    if (n > STACK_DEPTH)
        n = STACK_DEPTH;
    for (size_t i = 0; i < n; i++) {
        int64_t code = find_code(table, image, record, record->code[i]);

        if (code < 0)
            return code;
        frames[i].code = (uint32_t)code;
        frames[i].line = 0;
        if (table->codes[code].code) {
            frames[i].line = cpython_frame_line(table->codes[code].code, record->instr[i]);
            named++;
        }
        hash = hash_mix(hash_mix(hash, frames[i].code), frames[i].line);
    }
    if (!named)
        return -ESRCH;
    known = hash_index_find(&table->stack_index, hash);
    if (known)
        return known - 1;
    if (table->n_stacks >= STACKS_MAX)
        return -ENOBUFS;
    place = hash_index_place(&table->stack_index, hash);
    if (!place)
        return -ENOMEM;
    if (base_grow(&table->frames, &table->frames_capacity, table->n_frames + n, sizeof(*frames)) < 0 ||
        base_grow(&table->stacks, &table->stacks_capacity, table->n_stacks + 1, sizeof(*stack)) < 0)
        return -ENOMEM;
    stack = &table->stacks[table->n_stacks++];
    stack->hash = hash;
    stack->first = (uint32_t)table->n_frames;
    stack->n = (uint32_t)n;
    stack->turn = 0;
    find_place(table, frames, stack);
    memcpy(table->frames + table->n_frames, frames, n * sizeof(*frames));
    table->n_frames += n;
    *place = (uint32_t)table->n_stacks;
    return (int64_t)table->n_stacks - 1;
}

int stack_table_add(struct stack_table *table, const struct stack_record *record, const struct image *image,
                    uint32_t *ret_stack, uint64_t *ret_step)
{
    int64_t stack = image->has_offsets ? find_stack(table, record, image) : -ESRCH;

    if (stack < 0)
        return (int)stack;
    *ret_stack = (uint32_t)stack;
    *ret_step = step_of(table, record, &table->stacks[stack]);
    return 0;
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
