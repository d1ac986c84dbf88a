/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * unwind: from the registers and a copy of the stack to the addresses of the callers.
 *
 * See symbols_unwind() (symbols.h) for the contract. Refuses to know names.
 */

#include <stddef.h>
#include <stdint.h>

struct mappings;
struct modules;
struct unwinder; /* opaque */
struct user_registers;

/*
 * @param mappings, modules  borrowed; the modules must be freed before the unwinder: libdwfl refers to it
 * @return NULL: out of memory
 */
struct unwinder *unwinder_new(const struct mappings *mappings, struct modules *modules);
void unwinder_free(struct unwinder *unwinder); /* NULL-safe */

/* What a stack was seen as. */
struct unwind_input {
    const struct user_registers *registers;
    const char *copy;
    size_t n_copy;
    const uint64_t *chain;
    size_t n_chain;
};

size_t unwinder_unwind(struct unwinder *unwinder, const struct unwind_input *input, uint64_t *ret_pcs, size_t max);
