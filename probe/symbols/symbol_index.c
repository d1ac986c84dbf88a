/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/symbols/symbol_index.h"

#include "base/base.h"
#include "probe/symbols/image.h"

#define OVERLAPS_MAX 32    /* symbols looked at for one address */
#define SIZELESS_MAX 4096U /* bytes that a symbol without a size (assembly) may at most be about */

struct symbol {
    uint64_t address, size;
    const char *name;
    bool global;
};

struct symbol_index {
    struct symbol *symbols; /* by address; of those with the same, the best name last */
    size_t n, capacity;
};

static size_t underscores(const char *name)
{
    return strspn(name, "_");
}

/* Names of the same code: @return less than 0: `a` is the worse one */
static int compare_names(const struct symbol *a, const struct symbol *b)
{
    size_t a_length = strlen(a->name), b_length = strlen(b->name);

    if (a->global != b->global)
        return a->global ? 1 : -1;
    if (underscores(a->name) != underscores(b->name))
        return underscores(a->name) > underscores(b->name) ? -1 : 1;
    if (a_length != b_length)
        return a_length > b_length ? -1 : 1;
    return -strcmp(a->name, b->name);
}

static int compare(const void *left, const void *right)
{
    const struct symbol *a = left, *b = right;

    if (a->address != b->address)
        return a->address < b->address ? -1 : 1;
    if ((a->size == 0) != (b->size == 0))
        return a->size == 0 ? -1 : 1;
    return compare_names(a, b);
}

static bool is_code(const GElf_Sym *symbol, GElf_Word section)
{
    int type = GELF_ST_TYPE(symbol->st_info);

    return section != SHN_UNDEF && section != SHN_ABS && symbol->st_value != 0 &&
           (type == STT_FUNC || type == STT_NOTYPE || type == STT_GNU_IFUNC);
}

/* The string table that the last name was in: of the program, its debug file, or packed symbols. */
struct table {
    Elf *elf;
    const char *start, *end;
};

/* Does a name end where it should? Most are in the same table as the one before. */
static bool ends_inside(struct table *table, Elf *elf, const char *name)
{
    if (table->elf == elf && (uintptr_t)name >= (uintptr_t)table->start && (uintptr_t)name < (uintptr_t)table->end)
        return true;
    *table = (struct table){.elf = elf};
    return image_strings_around(elf, name, &table->start, &table->end);
}

struct symbol_index *symbol_index_new(Dwfl_Module *module)
{
    struct symbol_index *index = calloc(1, sizeof(*index));
    int n = index ? dwfl_module_getsymtab(module) : 0;
    struct table table = {0};

    for (int i = 1; i < n && i < SYMBOL_INDEX_MAX; i++) {
        GElf_Sym symbol;
        GElf_Word section = 0;
        GElf_Addr address = 0;
        Elf *elf = NULL;
        const char *name = dwfl_module_getsym_info(module, i, &symbol, &address, &section, &elf, NULL);

        if (!name || !elf || !ends_inside(&table, elf, name) || !*name || !is_code(&symbol, section))
            continue;
        if (base_grow(&index->symbols, &index->capacity, index->n + 1, sizeof(*index->symbols)) < 0)
            break;
        index->symbols[index->n++] = (struct symbol){
            .address = address,
            .size = symbol.st_size,
            .name = name,
            .global = GELF_ST_BIND(symbol.st_info) != STB_LOCAL,
        };
    }
    if (!index || index->n == 0) {
        symbol_index_free(index);
        return NULL;
    }
    qsort(index->symbols, index->n, sizeof(*index->symbols), compare);
    return index;
}

void symbol_index_free(struct symbol_index *index)
{
    if (!index)
        return;
    free(index->symbols);
    free(index);
}

const char *symbol_index_find(const struct symbol_index *index, uint64_t address, bool *ret_sized)
{
    const struct symbol *sizeless = NULL;
    size_t low = 0, high = index->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (index->symbols[middle].address <= address)
            low = middle + 1;
        else
            high = middle;
    }
    for (size_t i = 0; i < OVERLAPS_MAX && i < low; i++) {
        const struct symbol *symbol = &index->symbols[low - 1 - i];

        if (address - symbol->address < symbol->size) {
            *ret_sized = true;
            return symbol->name;
        }
        /* Only the last one: behind the end of another function it would be about something else. */
        if (i == 0 && symbol->size == 0 && address - symbol->address < SIZELESS_MAX)
            sizeless = symbol;
    }
    *ret_sized = false;
    return sizeless ? sizeless->name : NULL;
}
