/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * debug_index: which unit and which function of a module's DWARF contain an address, and what was inlined there.
 *
 * libdw finds a unit by .debug_aranges, which clang does not write, and a function by looking at all of a unit's (and
 * not at those in a namespace, where clang and rustc put them). So both are looked up in tables made here when first
 * needed. Refuses to know symbol tables. Split DWARF (.dwo files) is not followed.
 */

#include <elfutils/libdwfl.h>
#include <stddef.h>
#include <stdint.h>

struct debug_index; /* opaque; of one module */

/* One function at an address, the innermost first; all but the last are inlined into the next. */
struct debug_frame {
    const char *function; /* linkage name where there is one; NULL: not known */
    const char *file;     /* NULL: not known */
    uint32_t line;        /* 0: not known; of the code, or of the call to what is inlined */
};

/* @return NULL: no debug information, or out of memory */
struct debug_index *debug_index_new(Dwfl_Module *module);
void debug_index_free(struct debug_index *index); /* NULL-safe */

/*
 * @param ret_frames  strings borrowed from the module
 * @return how many; 0: no unit contains the address. The function of the last one may be unknown.
 */
size_t debug_index_find(struct debug_index *index, uint64_t address, struct debug_frame *ret_frames, size_t max);
