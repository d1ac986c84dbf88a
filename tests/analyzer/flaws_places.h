/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * flaws_places: the flaws, and near misses, that show in stacks, peers, memory and pools. flaws.c has the table.
 */

#include "builder.h"

#define PLACES_FLAW(name)                  \
    struct measurement *flaw_##name(void); \
    struct measurement *near_miss_##name(void)

PLACES_FLAW(pool_full);       /* CA3103 */
PLACES_FLAW(no_reuse);        /* CA3301 */
PLACES_FLAW(twin);            /* CA3401 */
PLACES_FLAW(item_too_small);  /* CA4102 */
PLACES_FLAW(copied);          /* CA4201 */
PLACES_FLAW(growth);          /* CA5002 */
PLACES_FLAW(missing_symbols); /* CA9005 */
PLACES_FLAW(no_privileges);   /* CA9006 */

#undef PLACES_FLAW

/* Twelve requests, `open` of their connections at once, all answered but `refused` more. */
struct measurement *flaw_connections(uint64_t established, uint32_t open, uint64_t refused);

/* A loop beside whose work libuv's pool is full for that share of the time. */
struct measurement *flaw_full_pool(double share);

/* Forty waits in that file of a library, `lanes` of them at a time; `loop`: beside an event loop. */
struct measurement *flaw_library(const char *file, size_t lanes, bool loop);

/* A parent of 100 MiB and two forked workers that each copied that much and allocated 5 MiB. */
struct measurement *flaw_copies(uint64_t copied_bytes, enum runtime_kind kind, size_t workers);

/* A process looked at twenty times: `rss` tells its size at look i. */
struct measurement *flaw_memory(uint64_t (*rss)(int look));
