/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/symbols/debug_index.h"

#include <dwarf.h>
#include <elfutils/libdw.h>

#include "base/base.h"
#include "probe/symbols/image.h"

/* Files may be anything: bounds on the work and the memory one of them can cause. */
#define RANGES_MAX (1U << 20) /* in one table */
#define DIES_MAX (1U << 22)   /* looked at for one unit's table */
#define NESTING_MAX 32
#define OVERLAPS_MAX 16 /* ranges looked at for one address */

/* An address range of the file, and the DIE that has it. */
struct range {
    uint64_t low, high;
    Dwarf_Off die;
};

struct table {
    struct range *ranges; /* by low address once sorted */
    size_t n, capacity;
};

/* Functions of a unit. */
struct unit {
    Dwarf_Off die;
    struct table functions;
};

struct debug_index {
    Dwarf *dwarf;
    Dwarf_Addr bias;
    struct table unit_ranges;
    struct unit *units; /* those asked for so far */
    size_t n_units, units_capacity;
};

/* Functions that the linker dropped keep a range from 0 on. */
static void add_ranges(struct table *table, Dwarf_Die *die)
{
    Dwarf_Addr base, low, high;
    ptrdiff_t at = 0;

    while (table->n < RANGES_MAX && (at = dwarf_ranges(die, at, &base, &low, &high)) > 0) {
        if (low == 0 || low >= high)
            continue;
        if (base_grow(&table->ranges, &table->capacity, table->n + 1, sizeof(*table->ranges)) < 0)
            return;
        table->ranges[table->n++] = (struct range){.low = low, .high = high, .die = dwarf_dieoffset(die)};
    }
}

static int compare(const void *left, const void *right)
{
    const struct range *a = left, *b = right;

    if (a->low != b->low)
        return a->low < b->low ? -1 : 1;
    return (a->high < b->high) - (a->high > b->high); /* the narrower last: it is found first */
}

static void sort(struct table *table)
{
    if (table->n > 1)
        qsort(table->ranges, table->n, sizeof(*table->ranges), compare);
}

/* The narrowest range around an address, as far as ranges nest. @return NULL: none */
static const struct range *find_range(const struct table *table, uint64_t address)
{
    size_t low = 0, high = table->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (table->ranges[middle].low <= address)
            low = middle + 1;
        else
            high = middle;
    }
    for (size_t i = 0; i < OVERLAPS_MAX && i < low; i++)
        if (address < table->ranges[low - 1 - i].high)
            return &table->ranges[low - 1 - i];
    return NULL;
}

/* The tables of strings that many forms refer to. */
static bool strings_end(Dwarf *dwarf)
{
    static const char *const names[] = {".debug_str", ".debug_line_str"};
    Elf *elf = dwarf_getelf(dwarf);

    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (!image_strings_end(elf, names[i]))
            return false;
    return true;
}

struct debug_index *debug_index_new(Dwfl_Module *module)
{
    Dwarf_Addr bias = 0;
    Dwarf *dwarf = dwfl_module_getdwarf(module, &bias);
    struct debug_index *index = dwarf ? calloc(1, sizeof(*index)) : NULL;
    Dwarf_CU *cu = NULL;
    Dwarf_Die die;
    uint8_t type;

    if (!index || !strings_end(dwarf)) {
        free(index);
        return NULL;
    }
    index->dwarf = dwarf;
    index->bias = bias;
    while (dwarf_get_units(dwarf, cu, &cu, NULL, &type, &die, NULL) == 0)
        if (type == DW_UT_compile || type == DW_UT_skeleton)
            add_ranges(&index->unit_ranges, &die);
    sort(&index->unit_ranges);
    return index;
}

void debug_index_free(struct debug_index *index)
{
    if (!index)
        return;
    for (size_t i = 0; i < index->n_units; i++)
        free(index->units[i].functions.ranges);
    free(index->units);
    free(index->unit_ranges.ranges);
    free(index);
}

/* Collect the functions below a DIE: in namespaces, types and functions as well. */
static void add_functions(struct table *table, Dwarf_Die *parent, size_t *budget, unsigned nesting)
{
    Dwarf_Die die;

    if (nesting > NESTING_MAX || dwarf_child(parent, &die) != 0)
        return;
    do {
        int tag = dwarf_tag(&die);

        if (*budget == 0)
            return;
        --*budget;
        if (tag == DW_TAG_subprogram)
            add_ranges(table, &die);
        if (tag == DW_TAG_subprogram || tag == DW_TAG_namespace || tag == DW_TAG_class_type ||
            tag == DW_TAG_structure_type || tag == DW_TAG_lexical_block || tag == DW_TAG_module)
            add_functions(table, &die, budget, nesting + 1);
    } while (dwarf_siblingof(&die, &die) == 0);
}

/* @return NULL: out of memory */
static const struct table *functions_of(struct debug_index *index, Dwarf_Die *unit_die)
{
    Dwarf_Off offset = dwarf_dieoffset(unit_die);
    size_t budget = DIES_MAX;
    struct unit *unit;

    for (size_t i = 0; i < index->n_units; i++)
        if (index->units[i].die == offset)
            return &index->units[i].functions;
    if (base_grow(&index->units, &index->units_capacity, index->n_units + 1, sizeof(*unit)) < 0)
        return NULL;
    unit = &index->units[index->n_units++];
    *unit = (struct unit){.die = offset};
    add_functions(&unit->functions, unit_die, &budget, 0);
    sort(&unit->functions);
    return &unit->functions;
}

/* A name that stands among the attributes must end there: libdw does not look. */
static bool ends_inside(const char *text, Dwarf *dwarf)
{
    Elf *elf = dwarf_getelf(dwarf);
    Elf_Scn *section = NULL;
    size_t strings = 0;

    if (elf_getshdrstrndx(elf, &strings) < 0)
        return false;
    while ((section = elf_nextscn(elf, section))) {
        GElf_Shdr header;
        const char *name = gelf_getshdr(section, &header) ? elf_strptr(elf, strings, header.sh_name) : NULL;
        /* As libdw gets it, and from memory by now; no others, which would be read for this. */
        bool dies = name && (strcmp(name, ".debug_info") == 0 || strcmp(name, ".debug_types") == 0);
        const Elf_Data *data = dies ? elf_rawdata(section, NULL) : NULL;
        size_t at = data && data->d_buf ? (uintptr_t)text - (uintptr_t)data->d_buf : SIZE_MAX;

        if (data && at < data->d_size)
            return memchr(text, '\0', data->d_size - at) != NULL;
    }
    return false;
}

/* The first of a DIE's names, or of what it is an instance of. @return NULL: none */
static const char *name_of(Dwarf_Die *die)
{
    static const unsigned kinds[] = {DW_AT_linkage_name, DW_AT_MIPS_linkage_name, DW_AT_name};

    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        Dwarf_Attribute attribute;
        const char *name = dwarf_formstring(dwarf_attr_integrate(die, kinds[i], &attribute));

        if (name && (attribute.form != DW_FORM_string || ends_inside(name, dwarf_cu_getdwarf(attribute.cu))))
            return name;
    }
    return NULL;
}

static uint32_t number(Dwarf_Die *die, unsigned name)
{
    Dwarf_Attribute attribute;
    Dwarf_Word value = 0;

    return dwarf_formudata(dwarf_attr(die, name, &attribute), &value) == 0 && value <= UINT32_MAX ? (uint32_t)value : 0;
}

/* The child of a function or block that contains an address. */
static bool enter(Dwarf_Die *parent, uint64_t address, Dwarf_Die *ret_child)
{
    Dwarf_Die die;

    if (dwarf_child(parent, &die) != 0)
        return false;
    do {
        int tag = dwarf_tag(&die);

        if ((tag == DW_TAG_inlined_subroutine || tag == DW_TAG_lexical_block) && dwarf_haspc(&die, address) > 0) {
            *ret_child = die;
            return true;
        }
    } while (dwarf_siblingof(&die, &die) == 0);
    return false;
}

/* Functions inlined at an address, outermost first. */
static size_t find_inlined(Dwarf_Die *function, uint64_t address, Dwarf_Die *ret_inlined, size_t max)
{
    Dwarf_Die at = *function;
    size_t n = 0;

    for (unsigned nesting = 0; nesting < 4 * NESTING_MAX && n < max && enter(&at, address, &at); nesting++)
        if (dwarf_tag(&at) == DW_TAG_inlined_subroutine)
            ret_inlined[n++] = at;
    return n;
}

static void find_line(Dwarf_Die *unit, uint64_t address, struct debug_frame *frame)
{
    Dwarf_Line *line = dwarf_getsrc_die(unit, address);
    int line_number = 0;

    if (!line || dwarf_lineno(line, &line_number) != 0)
        return;
    frame->file = dwarf_linesrc(line, NULL, NULL);
    frame->line = frame->file && line_number > 0 ? (uint32_t)line_number : 0;
}

size_t debug_index_find(struct debug_index *index, uint64_t address, struct debug_frame *ret_frames, size_t max)
{
    const uint64_t pc = address - index->bias;
    const struct range *range = find_range(&index->unit_ranges, pc);
    Dwarf_Die unit, function, inlined[NESTING_MAX];
    size_t n_inlined = 0, n_files = 0, n = 1;
    const struct table *functions;
    Dwarf_Files *files = NULL;

    if (max == 0 || !range || !dwarf_offdie(index->dwarf, range->die, &unit))
        return 0;
    ret_frames[0] = (struct debug_frame){0};
    find_line(&unit, pc, &ret_frames[0]);
    functions = functions_of(index, &unit);
    range = functions ? find_range(functions, pc) : NULL;
    if (!range || !dwarf_offdie(index->dwarf, range->die, &function))
        return 1;
    n_inlined = find_inlined(&function, pc, inlined, ARRAY_SIZE(inlined));
    (void)dwarf_getsrcfiles(&unit, &files, &n_files);
    for (size_t i = n_inlined; i-- > 0 && n < max; n++) {
        uint32_t file = number(&inlined[i], DW_AT_call_file);

        ret_frames[n - 1].function = name_of(&inlined[i]);
        ret_frames[n] = (struct debug_frame){.line = number(&inlined[i], DW_AT_call_line)};
        if (files && file < n_files)
            ret_frames[n].file = dwarf_filesrc(files, file, NULL, NULL);
    }
    ret_frames[n - 1].function = name_of(&function);
    return n;
}
