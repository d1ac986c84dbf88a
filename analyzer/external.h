/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * external: which waits are for something outside the program.
 *
 * They are work that can be overlapped, unlike waits of its threads for each other. The one place that says so: a new
 * cause is decided about here. Knows causes and sites. Refuses to know what follows from it.
 */

#include <stdbool.h>

#include "probe/measurement.h"

/* A wait for a peer, a disk, another program or the clock. */
static inline bool cause_is_external(enum cause cause)
{
    return cause == CAUSE_NETWORK || cause == CAUSE_DISK || cause == CAUSE_PIPE || cause == CAUSE_SLEEP;
}

/* The same of a place in the code: waits like that happen there. */
static inline bool site_waits_outside(const struct site *site)
{
    return !site->on_cpu && cause_is_external(site->cause);
}
