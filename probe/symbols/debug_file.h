/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * debug_file: where the debug information of a file is that does not contain it: by build-id below
 * /usr/lib/debug/.build-id, by the name in .gnu_debuglink next to the file, in .debug next to it, and below
 * /usr/lib/debug. Looks only at local files: never asks a debuginfo server.
 */

#include <elfutils/libdwfl.h>
#include <stdbool.h>

/*
 * The find_debuginfo of Dwfl_Callbacks: see there. A file found by its name is used only when its checksum, or else its
 * build-id, is the right one.
 */
int debug_file_find(Dwfl_Module *module, void **user_data, const char *module_name, Dwarf_Addr base,
                    const char *file_name, const char *debuglink_file, GElf_Word debuglink_crc, char **ret_file_name);

/*
 * Is the debug information in a file, unpacked, of a size that can be kept in memory (DEBUG_FILE_MAX bytes)? Files that
 * others than root own are read, not mapped.
 */
#define DEBUG_FILE_MAX (INT64_C(512) << 20)
bool debug_file_is_small(Elf *elf);
