/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * symbol_index: the functions in a module's symbol tables, by address.
 *
 * libdwfl's dwfl_module_addrinfo() looks at all symbols for each address: 10 ms in a large program. Here they are
 * sorted once. Of several names for the same code the one for callers is taken: global, without leading underscores,
 * short. Refuses to know DWARF.
 */

#include <elfutils/libdwfl.h>
#include <stdbool.h>
#include <stdint.h>

struct symbol_index; /* opaque; of one module */

/* At most this many symbols of a file are looked at. */
#define SYMBOL_INDEX_MAX (1 << 22)

/* @return NULL: no symbols, or out of memory */
struct symbol_index *symbol_index_new(Dwfl_Module *module);
void symbol_index_free(struct symbol_index *index); /* NULL-safe */

/*
 * @param address    in libdwfl's terms
 * @param ret_sized  the symbol says how long it is, and the address is within; otherwise it is only the last one before
 * @return the name, borrowed from the module; NULL: none
 */
const char *symbol_index_find(const struct symbol_index *index, uint64_t address, bool *ret_sized);
