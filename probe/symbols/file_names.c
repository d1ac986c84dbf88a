/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/symbols/file_names.h"

#include <elfutils/libdwfl.h>

#include "base/base.h"
#include "probe/measurement.h"
#include "probe/symbols/debug_file.h"
#include "probe/symbols/debug_index.h"
#include "probe/symbols/demangle.h"
#include "probe/symbols/image.h"
#include "probe/symbols/mappings.h"
#include "probe/symbols/pins.h"
#include "probe/symbols/symbol_index.h"

/* Thousands of stacks share their addresses: answers are kept. When there are this many, they are dropped. */
#define ANSWERS_MAX TABLE_SIZE(4096, 16)
#define ANSWERS_TABLE (2 * ANSWERS_MAX)
#define FRAMES_MAX 32 /* inlined into each other at one address */

struct answer {
    uint64_t offset;
    struct frame *frames; /* NULL: this place in the table is free */
    size_t n;
};

struct file_names {
    const struct pinned_file *file;
    Elf *elf; /* until libdwfl takes it */
    Dwfl *dwfl;
    Dwfl_Module *module;          /* NULL: not looked into yet, or nothing can be said */
    struct symbol_index *symbols; /* NULL: it has none */
    struct debug_index *debug;    /* NULL: it has none */
    bool opened;
    struct answer *answers;
    size_t n_answers;
};

/* libdwfl asks for the file: ours is open already. */
static int find_elf(Dwfl_Module *module, void **user_data, const char *name, Dwarf_Addr base, char **ret_path,
                    Elf **ret_elf)
{
    struct file_names *names = *user_data;

    (void)module;
    (void)name;
    (void)base;
    if (!names)
        return -1;
    *ret_elf = TAKE_PTR(names->elf);
    *ret_path = strdup(names->file->path);
    return -1;
}

static const Dwfl_Callbacks callbacks = {
    .find_elf = find_elf,
    .find_debuginfo = debug_file_find,
};

struct file_names *file_names_new(const struct pinned_file *file)
{
    struct file_names *names = calloc(1, sizeof(*names));

    if (names)
        names->file = file;
    return names;
}

static void free_frames(struct frame *frames, size_t n)
{
    for (size_t i = 0; frames && i < n; i++) {
        free(frames[i].function);
        free(frames[i].file);
        free(frames[i].module);
    }
    free(frames);
}

static void drop_answers(struct file_names *names)
{
    for (size_t i = 0; names->n_answers > 0 && i < ANSWERS_TABLE; i++)
        free_frames(names->answers[i].frames, names->answers[i].n);
    if (names->n_answers > 0)
        memset(names->answers, 0, ANSWERS_TABLE * sizeof(*names->answers));
    names->n_answers = 0;
}

void file_names_free(struct file_names *names)
{
    if (!names)
        return;
    drop_answers(names);
    free(names->answers);
    debug_index_free(names->debug);
    symbol_index_free(names->symbols);
    if (names->dwfl)
        dwfl_end(names->dwfl);
    (void)elf_end(names->elf);
    free(names);
}

/* Report the file as loaded at its own addresses. */
static void open_module(struct file_names *names)
{
    void **user_data = NULL;
    uint64_t low, high;
    bool small;

    names->opened = true;
    names->elf = pinned_file_elf(names->file);
    if (!names->elf || !image_extent(names->elf, &low, &high))
        return;
    names->dwfl = dwfl_begin(&callbacks);
    if (!names->dwfl)
        return;
    dwfl_report_begin(names->dwfl);
    names->module = dwfl_report_module(names->dwfl, names->file->path, low, high);
    if (names->module)
        (void)dwfl_module_info(names->module, &user_data, NULL, NULL, NULL, NULL, NULL, NULL);
    if (user_data)
        *user_data = names;
    (void)dwfl_report_end(names->dwfl, NULL, NULL);
    small = debug_file_is_small(names->elf);
    if (names->module)
        names->symbols = symbol_index_new(names->module);
    if (names->module && small)
        names->debug = debug_index_new(names->module);
}

/* The address of an offset, in libdwfl's terms. */
static bool find_address(struct file_names *names, uint64_t offset, uint64_t *ret_address)
{
    Dwarf_Addr bias = 0;
    Elf *elf;

    if (!names->opened)
        open_module(names);
    elf = names->module ? dwfl_module_getelf(names->module, &bias) : NULL;
    if (!elf || !image_address(elf, offset, ret_address))
        return false;
    *ret_address += bias;
    return true;
}

/*
 * What is at an offset; strings borrowed. The outermost function's name comes from the symbol table, which has complete
 * names where DWARF leaves the linkage name out (lambdas, functions of one file). A symbol without a size (assembly)
 * may be far away: it is only better than nothing.
 */
static size_t look_up(struct file_names *names, uint64_t offset, struct debug_frame *frames)
{
    const char *name = NULL;
    bool sized = false;
    uint64_t address;
    size_t n = 0;

    frames[0] = (struct debug_frame){0};
    if (!find_address(names, offset, &address))
        return 1;
    if (names->symbols)
        name = symbol_index_find(names->symbols, address, &sized);
    if (names->debug)
        n = debug_index_find(names->debug, address, frames, FRAMES_MAX);
    n = n > 0 ? n : 1;
    if (name && (sized || !frames[n - 1].function))
        frames[n - 1].function = name;
    return n;
}

/* @return 0, -ENOMEM */
static int copy_frame(const struct debug_frame *found, struct frame *ret_frame)
{
    struct frame frame = {
        .function = found->function ? demangle(found->function) : NULL,
        .file = found->file ? strdup(found->file) : NULL,
        .line = found->file ? found->line : 0,
    };

    *ret_frame = frame;
    return (found->function && !frame.function) || (found->file && !frame.file) ? -ENOMEM : 0;
}

/* Work out an answer. @return 0, -ENOMEM */
static int answer(struct file_names *names, uint64_t offset, struct answer *ret_answer)
{
    struct debug_frame found[FRAMES_MAX];
    size_t n = look_up(names, offset, found);
    struct frame *frames = calloc(n, sizeof(*frames));
    int r = frames ? 0 : -ENOMEM;

    for (size_t i = 0; i < n && r == 0; i++)
        r = copy_frame(&found[i], &frames[i]);
    if (r < 0) {
        free_frames(frames, n);
        return r;
    }
    *ret_answer = (struct answer){.offset = offset, .frames = frames, .n = n};
    return 0;
}

ssize_t file_names_find(struct file_names *names, uint64_t offset, const struct frame **ret_frames)
{
    size_t i = (offset * UINT64_C(0x9e3779b97f4a7c15)) >> 32;
    int r;

    if (!names->answers)
        names->answers = calloc(ANSWERS_TABLE, sizeof(*names->answers));
    if (!names->answers)
        return -ENOMEM;
    if (names->n_answers >= ANSWERS_MAX)
        drop_answers(names);
    while (names->answers[i % ANSWERS_TABLE].frames && names->answers[i % ANSWERS_TABLE].offset != offset)
        i++;
    i %= ANSWERS_TABLE;
    if (!names->answers[i].frames) {
        r = answer(names, offset, &names->answers[i]);
        if (r < 0)
            return r;
        names->n_answers++;
    }
    *ret_frames = names->answers[i].frames;
    return (ssize_t)names->answers[i].n;
}
