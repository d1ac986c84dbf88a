/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * image: the ELF files that are mapped, opened for libdwfl, and their addresses.
 *
 * Files are read through their pinned descriptors, never mapped: one that shrinks would raise SIGBUS. The vdso, which
 * is the same in each 64-bit process, is our own. Refuses to know processes: addresses are those of the file.
 */

#include <libelf.h>
#include <stdbool.h>
#include <stdint.h>

struct pinned_file;

/* @return elf_end(); NULL: could not be opened, or no x86-64 program or library */
Elf *image_open(const struct pinned_file *file);

/*
 * The addresses that the file takes up; `low` is rounded down as libdwfl does it for a module's start (open_elf() in
 * its dwfl_module_getdwarf.c). @return false: it has nothing to load
 */
bool image_extent(Elf *elf, uint64_t *ret_low, uint64_t *ret_high);

/*
 * libdwfl and libdw (0.188 and, as far as we know, later ones) see to it that a name begins in its section only: the
 * last one of a hostile file would go on behind it in memory. So:
 *
 * Do the strings in the section called `name` end within it? True where there is no such section.
 */
bool image_strings_end(Elf *elf, const char *name);

/*
 * The string table (SHT_STRTAB) that a name is in.
 * @return false: in none whose last string ends; a file without sections has none
 */
bool image_strings_around(Elf *elf, const char *text, const char **ret_start, const char **ret_end);

/* The address of code that is at an offset of the file. @return false: no executable segment contains it */
bool image_address(Elf *elf, uint64_t offset, uint64_t *ret_address);
