/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/symbols/symbols.h"

#include <elfutils/libdwfl.h>

#include "base/base.h"
#include "probe/bpf/abi.h"
#include "probe/measurement.h"
#include "probe/symbols/file_names.h"
#include "probe/symbols/jit_map.h"
#include "probe/symbols/mappings.h"
#include "probe/symbols/modules.h"
#include "probe/symbols/pins.h"
#include "probe/symbols/unwind.h"

/* As many functions inlined into each other as an answer shows. */
#define INLINED_MAX 32

struct symbols {
    const struct mappings *mappings;
    struct modules *modules;
    struct unwinder *unwinder;
    struct jit_map *jit_map;
};

int symbols_new(const struct mappings *mappings, pid_t pid, struct symbols **ret_symbols)
{
    CLEANUP(symbols_freep) struct symbols *symbols = calloc(1, sizeof(*symbols));
    char path[64];

    if (!symbols)
        return -ENOMEM;
    jit_map_path(pid, path, sizeof(path));
    symbols->mappings = mappings;
    symbols->modules = modules_new(mappings);
    symbols->unwinder = symbols->modules ? unwinder_new(mappings, symbols->modules) : NULL;
    symbols->jit_map = jit_map_new(path);
    if (!symbols->unwinder || !symbols->jit_map)
        return -ENOMEM;
    *ret_symbols = TAKE_PTR(symbols);
    return 0;
}

void symbols_free(struct symbols *symbols)
{
    if (!symbols)
        return;
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

static void clear_frames(struct frame *frames, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(frames[i].function);
        free(frames[i].file);
        free(frames[i].module);
        frames[i] = (struct frame){0};
    }
}

/* @return 0, -ENOMEM; clear_frames() in both cases */
static int copy_frame(const struct frame *found, const char *function, const char *module, struct frame *ret_frame)
{
    *ret_frame = (struct frame){
        .function = strdup(function),
        .file = found->file ? strdup(found->file) : NULL,
        .line = found->line,
        .module = module ? strdup(module) : NULL,
    };
    return ret_frame->function && (!found->file || ret_frame->file) && (!module || ret_frame->module) ? 0 : -ENOMEM;
}

ssize_t symbols_resolve(struct symbols *symbols, uint64_t address, struct frame *ret_frames, size_t max)
{
    const struct mapping *mapping = mappings_find(symbols->mappings, address);
    const struct frame none = {0}, *found = &none;
    const char *generated = NULL;
    struct frame copies[INLINED_MAX];
    size_t n = 1;
    int r = 0;

    if (mapping && mapping->file) {
        struct file_names *names = pinned_file_names(mapping->file);
        ssize_t count = names ? file_names_find(names, address - mapping->start + mapping->offset, &found) : -ENOMEM;

        if (count < 0)
            return count;
        n = (size_t)count;
    }
    if (!found[n - 1].function)
        generated = jit_map_find(symbols->jit_map, mappings_owner(symbols->mappings), address);
    if (!mapping && !generated)
        return -ENOENT;
    n = n < max ? n : max;
    n = n < INLINED_MAX ? n : INLINED_MAX;
    for (size_t i = 0; i < n; i++) {
        const char *function = found[i].function ? found[i].function : generated ? generated : "?";

        if (copy_frame(&found[i], function, mapping && mapping->file ? mapping->file->path : NULL, &copies[i]) < 0)
            r = -ENOMEM;
    }
    if (r < 0) {
        clear_frames(copies, n);
        return r;
    }
    memcpy(ret_frames, copies, n * sizeof(*copies));
    return (ssize_t)n;
}

const char *symbols_elfutils_version(void)
{
    return dwfl_version(NULL);
}
