/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * async_twins_table: async_twins.json as a table to look things up in. Shared by async_twins.c and its test only.
 *
 * Knows how a name matches a row. Rows are numbered in the file's order, most specific first: the first that matches
 * counts. Refuses to know stacks.
 */

#include <stddef.h>

#include "analyzer/async_twins.h"

/* X(symbol, member of a row): by what a name is looked up. */
#define TWIN_KEY_LIST(X)                                                                          \
    X(TWIN_PYTHON, "python")      /* dotted module: "http.client"; matches its sub-modules */     \
    X(TWIN_CALL, "calls")         /* dotted module and function: "subprocess.run" */              \
    X(TWIN_OBJECT, "objects")     /* file name of a shared object without its version: "libpq" */ \
    X(TWIN_FILE, "files")         /* end of a source file's path: "net/http.rb" */                \
    X(TWIN_FUNCTION, "functions") /* word within a function's name: "readFileSync" */

enum twin_key {
#define X(symbol, member) symbol,
    TWIN_KEY_LIST(X)
#undef X
        TWIN_KEY_COUNT
};

#define TWIN_NONE SIZE_MAX

size_t twin_rows(void);

/* The first row in which `name` matches that key. @return its number, or TWIN_NONE */
size_t twin_find(enum twin_key key, const char *name);

/* The first row for waits of that cause in that language. @return its number, or TWIN_NONE */
size_t twin_find_cause(enum cause cause, enum runtime_kind runtime);

/* Is it a library that waits asynchronously itself? Its waits are an event loop's. */
bool twin_is_asynchronous(size_t row);

/* @return the row as that language's people see it; static */
const struct async_twin *twin_row(size_t row, enum runtime_kind runtime);
