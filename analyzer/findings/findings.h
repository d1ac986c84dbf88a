/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * findings: stable ids and their detectors.
 *
 * Ids are never reused (DESIGN 8). The X-macro is the only place that lists them; report/wording must have prose for
 * each (a test checks). One detector a file.
 */

#include <stddef.h>

/* X(number, slug): printed as CA<number>. */
#define FINDING_LIST(X)                    \
    X(1001, "one-busy-core")               \
    X(1203, "oversubscribed")              \
    X(1301, "already-saturated")           \
    X(2001, "interpreter-lock-convoy")     \
    X(2101, "mutex-convoy")                \
    X(2201, "lock-held-across-wait")       \
    X(3001, "serial-waits")                \
    X(3002, "serial-awaits")               \
    X(3101, "blocking-call-in-event-loop") \
    X(3102, "cpu-in-event-loop")           \
    X(3103, "loop-pool-full")              \
    X(3201, "slow-peer-not-cpu")           \
    X(3301, "no-connection-reuse")         \
    X(3401, "async-twin-at-hand")          \
    X(4001, "process-per-item")            \
    X(4002, "thread-per-item")             \
    X(4003, "unbounded-threads")           \
    X(4101, "ipc-dominates")               \
    X(4102, "item-too-small")              \
    X(4201, "copied-after-fork")           \
    X(5001, "memory-exceeds-machine")      \
    X(5002, "memory-growth")               \
    X(6001, "beyond-one-machine")          \
    X(9001, "too-short")                   \
    X(9002, "events-lost")                 \
    X(9003, "mostly-idle")                 \
    X(9004, "interpreter-lock-unknown")    \
    X(9005, "missing-symbols")             \
    X(9006, "no-privileges")

const char *finding_slug(int id);        /* NULL: no such id */
int finding_from_str(const char *text);  /* "CA2001", "2001" or the slug; -1: none */
size_t finding_ids(const int **ret_ids); /* all ids, ascending; static */
