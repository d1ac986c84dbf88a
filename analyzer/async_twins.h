/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * async_twins: which blocking libraries have a mature asynchronous counterpart.
 *
 * Knows names of modules and what replaces them. Refuses to know who waits in them.
 */

#include <stdbool.h>

struct measurement;

struct async_twin {
    const char *library; /* name for people: "requests" */
    const char *twin;    /* "aiohttp, httpx.AsyncClient"; NULL: known to have none */
};

/* @return the entry for a module ("requests", "psycopg2._psycopg", "libpq.so.5"), or NULL: not known */
const struct async_twin *async_twin_of(const char *module);

/*
 * The blocking library that the target was seen waiting in (by its sites, else by what it loaded).
 * @return NULL: none that is known
 */
const struct async_twin *async_twin_seen(const struct measurement *m);

/* Could the waits seen be coroutines? True where a twin exists, or the runtime's own library has one. */
bool async_twin_at_hand(const struct measurement *m);
