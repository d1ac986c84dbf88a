/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/symbols/symbols.h"

#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>

#include "base/base.h"
#include "probe/measurement.h"

/* Code that no file backs (a JIT) would otherwise have us read the mappings again for each address. */
#define MAX_REPORTS 16

/* Units looked through for one address, where a file has no index of them. */
#define MAX_UNITS 8192

struct symbols {
    pid_t pid;
    Dwfl *dwfl;
    unsigned reports;
};

/* The standard callback, dwfl_standard_find_debuginfo(), would ask servers on the network. */
static const Dwfl_Callbacks callbacks = {
    .find_elf = dwfl_linux_proc_find_elf,
    .find_debuginfo = dwfl_build_id_find_debuginfo,
};

/* Read the mappings (again). Modules seen before are kept, also those that are gone now. */
static int report(struct symbols *symbols)
{
    int r;

    symbols->reports++;
    dwfl_report_begin_add(symbols->dwfl);
    r = dwfl_linux_proc_report(symbols->dwfl, symbols->pid);
    if (dwfl_report_end(symbols->dwfl, NULL, NULL) != 0 || r < 0)
        return -ENOENT;
    return r > 0 ? -(r == ENOENT ? ESRCH : r) : 0;
}

int symbols_new(pid_t pid, struct symbols **ret_symbols)
{
    CLEANUP(symbols_freep) struct symbols *symbols = calloc(1, sizeof(*symbols));
    int r;

    if (!symbols)
        return -ENOMEM;
    symbols->pid = pid;
    symbols->dwfl = dwfl_begin(&callbacks);
    if (!symbols->dwfl)
        return -ENOMEM;
    r = report(symbols);
    if (r < 0)
        return r == -ENOENT ? -ESRCH : r;
    *ret_symbols = TAKE_PTR(symbols);
    return 0;
}

void symbols_free(struct symbols *symbols)
{
    if (!symbols)
        return;
    if (symbols->dwfl)
        dwfl_end(symbols->dwfl);
    free(symbols);
}

void symbols_freep(struct symbols **symbols)
{
    symbols_free(*symbols);
}

static void free_frame(struct frame *frame)
{
    free(frame->function);
    free(frame->file);
    free(frame->module);
}

/*
 * File and line of an address. libdw goes by .debug_aranges (before 0.191), which clang does not write: look through
 * the units then.
 *
 * @return the file, borrowed from the module, or NULL
 */
static const char *find_line(Dwfl_Module *module, uint64_t address, int *ret_number)
{
    Dwfl_Line *indexed = dwfl_module_getsrc(module, address);
    Dwarf_Die *unit = NULL;
    Dwarf_Addr bias = 0;

    if (indexed)
        return dwfl_lineinfo(indexed, NULL, ret_number, NULL, NULL, NULL);
    for (size_t i = 0; i < MAX_UNITS && (unit = dwfl_module_nextcu(module, unit, &bias)); i++) {
        Dwarf_Line *line = dwarf_haspc(unit, address - bias) > 0 ? dwarf_getsrc_die(unit, address - bias) : NULL;

        if (line && dwarf_lineno(line, ret_number) == 0)
            return dwarf_linesrc(line, NULL, NULL);
    }
    return NULL;
}

int symbols_resolve(struct symbols *symbols, uint64_t address, struct frame *ret_frame)
{
    Dwfl_Module *module = dwfl_addrmodule(symbols->dwfl, address);
    CLEANUP(free_frame) struct frame frame = {0};
    const char *function, *file, *path;
    int number = 0;

    if (!module && symbols->reports < MAX_REPORTS && report(symbols) == 0)
        module = dwfl_addrmodule(symbols->dwfl, address);
    if (!module)
        return -ENOENT;
    function = dwfl_module_addrname(module, address);
    file = find_line(module, address, &number);
    path = dwfl_module_info(module, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
    frame.function = strdup(function ? function : "?");
    frame.file = file ? strdup(file) : NULL;
    frame.module = path ? strdup(path) : NULL;
    frame.line = file && number > 0 ? (uint32_t)number : 0;
    if (!frame.function || (file && !frame.file) || (path && !frame.module))
        return -ENOMEM;
    *ret_frame = frame;
    frame = (struct frame){0};
    return 0;
}
