/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * async_twins: which blocking libraries and calls have a mature asynchronous counterpart, and what to do without one.
 *
 * Knows names of modules and functions (async_twins.json, compiled in) and what replaces them in which language; finds
 * them on stacks. Refuses to know whether those waits matter.
 */

#include <stdbool.h>

#include "probe/measurement.h"

struct async_twin {
    const char *library; /* name for people: "requests", "time.sleep" */
    const char *twin;    /* "aiohttp or httpx.AsyncClient"; NULL: there is none in this language */
    const char *without; /* what to do without it: "asyncio.to_thread(), or ..."; never NULL */
    bool call;           /* known by what it waits for only (a sleep, a bare socket): no library is in between */
};

/*
 * @param module  "requests", "psycopg2._psycopg", "/usr/lib/x86_64-linux-gnu/libpq.so.5"
 * @return the entry (static), or NULL: not known, or asynchronous itself
 */
const struct async_twin *async_twin_of(const char *module, enum runtime_kind runtime);

/*
 * The blocking library or call that a wait is in: of the libraries between it and the program's own code the outermost
 * that is known, else what the program's own call waited for.
 * @return NULL: none that is known, an event loop's own wait, or no stack
 */
const struct async_twin *async_twin_of_site(const struct measurement *m, const struct site *site);

/* How much was waited in one blocking library or call. */
struct async_waits {
    const struct async_twin *twin; /* NULL: none */
    uint64_t time_ns;              /* waited in it */
    uint64_t all_ns;               /* waited outside (network, pipe, sleep), with a stack or without */
    const struct site *site;       /* where most of it was waited; NULL: no stack tells, it is only loaded */
};

/* The blocking library or call that the target waited longest in (by its stacks, else by what it loaded). */
struct async_waits async_twin_waits(const struct measurement *m);

/* The same, only who. @return NULL: none that is known */
const struct async_twin *async_twin_seen(const struct measurement *m);

/* Could the waits seen be coroutines? True where a twin exists, or the runtime's own library has one. */
bool async_twin_at_hand(const struct measurement *m);
