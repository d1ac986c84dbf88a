/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * modules: the files that are mapped in a process image, for libdwfl.
 *
 * Follows the mappings as they change. Refuses to know names (file_names.h) and stacks (unwind.h).
 */

#include <elfutils/libdwfl.h>
#include <stdint.h>

struct mappings;
struct pinned_file;

/* One file where it is mapped. */
struct module {
    const struct pinned_file *file;
    uint64_t bias; /* what the process adds to the file's addresses */
    uint64_t low, high;
    Dwfl_Module *dwfl_module;
    Elf *elf; /* until libdwfl takes it */
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
