/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * modules: the files that are mapped in a process image, for libdwfl.
 *
 * Follows the mappings as they change. Files are read from their pinned descriptors, never mapped (one that shrinks
 * would raise SIGBUS), and not before something in them is asked for. Refuses to know names and stacks.
 */

#include <elfutils/libdwfl.h>
#include <stdint.h>

struct debug_index;
struct mappings;
struct pinned_file;

/* One file where it is mapped. */
struct module {
    const struct pinned_file *file;
    uint64_t bias; /* what the process adds to the file's addresses */
    uint64_t low, high;
    Dwfl_Module *dwfl_module;
    Elf *elf;                  /* until libdwfl takes it */
    struct debug_index *index; /* NULL: not asked for yet, or there is no debug information */
    bool indexed;
};

struct modules; /* opaque */

/* @return NULL: out of memory */
struct modules *modules_new(const struct mappings *mappings);
void modules_free(struct modules *modules); /* NULL-safe */

/*
 * Take in what has changed. What was borrowed from here or from libdwfl may be gone after that.
 * @return libdwfl's session; NULL: out of memory
 */
Dwfl *modules_update(struct modules *modules);

/* What is at an address, as of the last modules_update(); NULL: no file that could be read. Borrowed. */
struct module *modules_find(struct modules *modules, uint64_t address);
