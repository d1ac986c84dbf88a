/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/symbols/modules.h"

#include "base/base.h"
#include "probe/symbols/debug_file.h"
#include "probe/symbols/image.h"
#include "probe/symbols/mappings.h"
#include "probe/symbols/pins.h"

#define MODULES_MAX 4096
#define RESTARTS_MAX 64 /* libraries exchanged for others at the same place */

struct modules {
    const struct mappings *mappings;
    uint64_t generation;
    Dwfl *dwfl;
    struct module **items; /* by low address */
    size_t n, capacity;
    unsigned restarts;
};

/* libdwfl asks for a module's file: ours is open already. */
static int find_elf(Dwfl_Module *dwfl_module, void **user_data, const char *name, Dwarf_Addr base, char **ret_path,
                    Elf **ret_elf)
{
    struct module *module = *user_data;

    (void)dwfl_module;
    (void)name;
    (void)base;
    if (!module)
        return -1;
    *ret_elf = TAKE_PTR(module->elf);
    *ret_path = strdup(module->file->path);
    return -1;
}

static const Dwfl_Callbacks callbacks = {
    .find_elf = find_elf,
    .find_debuginfo = debug_file_find,
};

static void clear(struct modules *modules)
{
    if (modules->dwfl)
        dwfl_end(TAKE_PTR(modules->dwfl));
    for (size_t i = 0; i < modules->n; i++) {
        (void)elf_end(modules->items[i]->elf);
        free(modules->items[i]);
    }
    modules->n = 0;
}

struct modules *modules_new(const struct mappings *mappings)
{
    struct modules *modules = calloc(1, sizeof(*modules));

    if (!modules)
        return NULL;
    modules->mappings = mappings;
    modules->generation = UINT64_MAX;
    return modules;
}

void modules_free(struct modules *modules)
{
    if (!modules)
        return;
    clear(modules);
    free(modules->items);
    free(modules);
}

/* @return index of the first module that ends after an address */
static size_t first_after(const struct modules *modules, uint64_t address)
{
    size_t low = 0, high = modules->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (modules->items[middle]->high <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The module of a mapping, if it is known. */
static struct module *find(const struct modules *modules, const struct mapping *mapping)
{
    size_t i = first_after(modules, mapping->start);

    if (i >= modules->n || modules->items[i]->low > mapping->start || modules->items[i]->file != mapping->file)
        return NULL;
    return modules->items[i];
}

/* Where the file as a whole lies, from one mapping of it. @return false: that makes no sense */
static bool place(Elf *elf, const struct mapping *mapping, struct module *module)
{
    uint64_t address, low, high;

    if (!image_extent(elf, &low, &high) || !image_address(elf, mapping->offset, &address))
        return false;
    module->bias = mapping->start - address;
    module->low = module->bias + low;
    module->high = module->bias + high;
    return module->low <= mapping->start && module->high >= mapping->end && module->low < module->high;
}

static int insert(struct modules *modules, struct module *module)
{
    size_t i = first_after(modules, module->low);
    void **user_data = NULL;

    if (base_grow(&modules->items, &modules->capacity, modules->n + 1, sizeof(struct module *)) < 0)
        return -ENOMEM;
    module->dwfl_module = dwfl_report_module(modules->dwfl, module->file->path, module->low, module->high);
    if (!module->dwfl_module)
        return -ENOMEM;
    (void)dwfl_module_info(module->dwfl_module, &user_data, NULL, NULL, NULL, NULL, NULL, NULL);
    *user_data = module;
    memmove(&modules->items[i + 1], &modules->items[i], (modules->n - i) * sizeof(struct module *));
    modules->items[i] = module;
    modules->n++;
    return 0;
}

/* @return 0, -EEXIST (there is another module in its place), -ENOMEM */
static int add(struct modules *modules, const struct mapping *mapping)
{
    AUTO_FREE struct module *module = calloc(1, sizeof(*module));
    Elf *elf;
    size_t i;
    int r = 0;

    if (!module)
        return -ENOMEM;
    elf = pinned_file_elf(mapping->file);
    module->file = mapping->file;
    module->elf = elf;
    if (elf && place(elf, mapping, module)) {
        i = first_after(modules, module->low);
        r = i < modules->n && modules->items[i]->low < module->high ? -EEXIST : insert(modules, module);
        if (r == 0)
            (void)TAKE_PTR(module);
    }
    if (module)
        (void)elf_end(elf);
    return r;
}

static int add_all(struct modules *modules)
{
    int r = 0;

    dwfl_report_begin_add(modules->dwfl);
    for (size_t i = 0; i < mappings_count(modules->mappings) && modules->n < MODULES_MAX && r != -ENOMEM; i++) {
        const struct mapping *mapping = mappings_at(modules->mappings, i);
        int added;

        if (!mapping->file || find(modules, mapping))
            continue;
        added = add(modules, mapping);
        r = added < 0 ? added : r;
    }
    (void)dwfl_report_end(modules->dwfl, NULL, NULL);
    return r;
}

Dwfl *modules_update(struct modules *modules)
{
    if (modules->dwfl && modules->generation == mappings_generation(modules->mappings))
        return modules->dwfl;
    if (!modules->dwfl)
        modules->dwfl = dwfl_begin(&callbacks);
    if (!modules->dwfl)
        return NULL;
    modules->generation = mappings_generation(modules->mappings);
    /* What was mapped there before is in the way: start again with what is mapped now. */
    if (add_all(modules) == -EEXIST && modules->restarts < RESTARTS_MAX) {
        modules->restarts++;
        clear(modules);
        modules->dwfl = dwfl_begin(&callbacks);
        if (modules->dwfl)
            (void)add_all(modules);
    }
    return modules->dwfl;
}
