/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/symbols/symbols.h"

#include "base/base.h"
#include "probe/bpf/abi.h"
#include "probe/measurement.h"
#include "probe/symbols/debug_index.h"
#include "probe/symbols/demangle.h"
#include "probe/symbols/jit_map.h"
#include "probe/symbols/mappings.h"
#include "probe/symbols/modules.h"
#include "probe/symbols/unwind.h"

/* Thousands of stacks share their addresses: answers are kept. When there are this many, they are dropped. */
#define ANSWERS_MAX 8192
#define ANSWERS_TABLE (2 * ANSWERS_MAX)
#define FRAMES_MAX 32 /* inlined into each other at one address */

struct answer {
    uint64_t address;
    struct frame *frames; /* NULL: this place in the table is free */
    size_t n;
};

struct symbols {
    const struct mappings *mappings;
    struct modules *modules;
    struct unwinder *unwinder;
    struct jit_map *jit_map;
    uint64_t generation; /* of the mappings that the answers hold for */
    struct answer *answers;
    size_t n_answers;
};

static void free_frames(struct frame *frames, size_t n)
{
    for (size_t i = 0; frames && i < n; i++) {
        free(frames[i].function);
        free(frames[i].file);
        free(frames[i].module);
    }
    free(frames);
}

static void drop_answers(struct symbols *symbols)
{
    for (size_t i = 0; symbols->n_answers > 0 && i < ANSWERS_TABLE; i++)
        free_frames(symbols->answers[i].frames, symbols->answers[i].n);
    if (symbols->n_answers > 0)
        memset(symbols->answers, 0, ANSWERS_TABLE * sizeof(*symbols->answers));
    symbols->n_answers = 0;
}

int symbols_new(const struct mappings *mappings, pid_t pid, struct symbols **ret_symbols)
{
    CLEANUP(symbols_freep) struct symbols *symbols = calloc(1, sizeof(*symbols));
    char path[64];

    if (!symbols)
        return -ENOMEM;
    (void)snprintf(path, sizeof(path), "/tmp/perf-%d.map", (int)pid);
    symbols->mappings = mappings;
    symbols->modules = modules_new(mappings);
    symbols->unwinder = symbols->modules ? unwinder_new(mappings, symbols->modules) : NULL;
    symbols->jit_map = jit_map_new(path);
    symbols->answers = calloc(ANSWERS_TABLE, sizeof(*symbols->answers));
    if (!symbols->unwinder || !symbols->jit_map || !symbols->answers)
        return -ENOMEM;
    *ret_symbols = TAKE_PTR(symbols);
    return 0;
}

void symbols_free(struct symbols *symbols)
{
    if (!symbols)
        return;
    drop_answers(symbols);
    free(symbols->answers);
    jit_map_free(symbols->jit_map);
    modules_free(symbols->modules); /* before the unwinder, which they know */
    unwinder_free(symbols->unwinder);
    free(symbols);
}

void symbols_freep(struct symbols **symbols)
{
    symbols_free(*symbols);
}

size_t symbols_unwind(struct symbols *symbols, const struct user_registers *registers, const void *copy, size_t n_copy,
                      const uint64_t *chain, size_t n_chain, uint64_t *ret_pcs, size_t max)
{
    const struct unwind_input input = {
        .registers = registers,
        .copy = copy,
        .n_copy = n_copy,
        .chain = chain,
        .n_chain = n_chain,
    };

    return unwinder_unwind(symbols->unwinder, &input, ret_pcs, max);
}

/* The symbol that covers an address. One without a size (assembly) may be far away: it is only better than nothing. */
static const char *covering_symbol(Dwfl_Module *module, uint64_t address, bool *ret_sized)
{
    GElf_Off offset = 0;
    GElf_Sym symbol = {0};
    const char *name = dwfl_module_addrinfo(module, address, &offset, &symbol, NULL, NULL, NULL);

    *ret_sized = name && offset < symbol.st_size;
    return name;
}

/*
 * What is at an address, innermost first; strings borrowed. The outermost function's name comes from the symbol table,
 * which has complete names where DWARF leaves the linkage name out (lambdas, functions of one file).
 */
static size_t find_frames(struct symbols *symbols, struct module *module, uint64_t address, struct debug_frame *frames)
{
    const char *symbol = NULL;
    bool sized = false;
    size_t n = 0;

    frames[0] = (struct debug_frame){0};
    if (module) {
        symbol = covering_symbol(module->dwfl_module, address, &sized);
        if (!module->indexed)
            module->index = debug_index_new(module->dwfl_module);
        module->indexed = true;
        n = module->index ? debug_index_find(module->index, address, frames, FRAMES_MAX) : 0;
    }
    n = n > 0 ? n : 1;
    if (symbol && (sized || !frames[n - 1].function))
        frames[n - 1].function = symbol;
    if (!frames[n - 1].function)
        frames[n - 1].function = jit_map_find(symbols->jit_map, mappings_owner(symbols->mappings), address);
    return n;
}

/* @return 0, -ENOMEM */
static int copy_frame(const struct debug_frame *found, const char *path, struct frame *ret_frame)
{
    struct frame frame = {
        .function = demangle(found->function ? found->function : "?"),
        .file = found->file ? strdup(found->file) : NULL,
        .line = found->file ? found->line : 0,
        .module = path ? strdup(path) : NULL,
    };

    *ret_frame = frame;
    return frame.function && (!found->file || frame.file) && (!path || frame.module) ? 0 : -ENOMEM;
}

static int duplicate_frames(const struct frame *frames, size_t n, struct frame *ret_frames)
{
    int r = 0;

    for (size_t i = 0; i < n; i++) {
        struct frame copy = frames[i];

        copy.function = strdup(frames[i].function);
        copy.file = frames[i].file ? strdup(frames[i].file) : NULL;
        copy.module = frames[i].module ? strdup(frames[i].module) : NULL;
        if (!copy.function || (frames[i].file && !copy.file) || (frames[i].module && !copy.module))
            r = -ENOMEM;
        ret_frames[i] = copy;
    }
    return r;
}

/* Work out an answer. @return 0, -ENOENT, -ENOMEM */
static int answer(struct symbols *symbols, uint64_t address, struct answer *ret_answer)
{
    const struct mapping *mapping = mappings_find(symbols->mappings, address);
    struct debug_frame found[FRAMES_MAX];
    struct frame *frames;
    size_t n;
    int r = 0;

    if (!modules_update(symbols->modules))
        return -ENOMEM;
    n = find_frames(symbols, modules_find(symbols->modules, address), address, found);
    if (!mapping && !found[0].function)
        return -ENOENT;
    frames = calloc(n, sizeof(*frames));
    for (size_t i = 0; frames && i < n && r == 0; i++)
        r = copy_frame(&found[i], mapping && mapping->file ? mapping->file->path : NULL, &frames[i]);
    if (!frames || r < 0) {
        free_frames(frames, n);
        return -ENOMEM;
    }
    *ret_answer = (struct answer){.address = address, .frames = frames, .n = n};
    return 0;
}

/* The place of an address in the table: its answer, or a free one. */
static struct answer *place_of(struct symbols *symbols, uint64_t address)
{
    size_t i = (address * UINT64_C(0x9e3779b97f4a7c15)) >> 32;

    while (symbols->answers[i % ANSWERS_TABLE].frames && symbols->answers[i % ANSWERS_TABLE].address != address)
        i++;
    return &symbols->answers[i % ANSWERS_TABLE];
}

ssize_t symbols_resolve(struct symbols *symbols, uint64_t address, struct frame *ret_frames, size_t max)
{
    struct frame copies[FRAMES_MAX];
    struct answer *kept;
    size_t n;
    int r;

    if (symbols->generation != mappings_generation(symbols->mappings) || symbols->n_answers >= ANSWERS_MAX)
        drop_answers(symbols);
    symbols->generation = mappings_generation(symbols->mappings);
    kept = place_of(symbols, address);
    if (!kept->frames) {
        r = answer(symbols, address, kept);
        if (r < 0)
            return r;
        symbols->n_answers++;
    }
    n = kept->n < max ? kept->n : max;
    r = duplicate_frames(kept->frames, n, copies);
    if (r < 0) {
        for (size_t i = 0; i < n; i++) {
            free(copies[i].function);
            free(copies[i].file);
            free(copies[i].module);
        }
        return r;
    }
    memcpy(ret_frames, copies, n * sizeof(*copies));
    return (ssize_t)n;
}
