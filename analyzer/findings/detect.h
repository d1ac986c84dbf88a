/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * detect: what every detector gets and gives. One detector a file, named after its finding's slug; findings.c has the
 * table. A detector is a pure function: it adds its finding, or nothing.
 */

#include <stdbool.h>

#include "analyzer/advice.h"
#include "analyzer/lanes.h"
#include "analyzer/metrics.h"
#include "analyzer/words.h"

struct finding_context {
    const struct measurement *m;
    const struct lanes *lanes;
    const struct metrics *metrics;
    const struct evidence *evidence;
    uint32_t cpus;
    enum model current_model;
};

struct finding_list {
    struct finding *items;
    size_t n;
    size_t capacity;
};

/*
 * Add a finding.
 * @param detail  heap string, consumed in any case; NULL means out of memory
 * @param sites   which sites belong to it; NULL: none
 * @return 0 or -ENOMEM
 */
int finding_add(struct finding_list *list, const struct finding_context *c, struct finding finding, char *detail,
                bool (*sites)(const struct site *site));

/*
 * Say what to do about the finding just added.
 * @param remedy  heap string, consumed in any case; NULL means out of memory
 * @return 0 or -ENOMEM
 */
int finding_remedy(struct finding_list *list, char *remedy);

/*
 * Add a place that is no site of the measurement to the finding just added; it comes first.
 * @param place  copied; no more than MAX_SITES are kept
 * @return 0 or -ENOMEM
 */
int finding_add_place(struct finding_list *list, const struct site *place);

#define FINDING_PLACE 192

/* "parse() at crawl.py:88": people's own code if it is on the stack, else the innermost with a name; else empty. */
const char *finding_place(const struct frame *frames, size_t n, char buffer[static FINDING_PLACE]);

/* The coroutine that a stack runs in: its innermost frame of one; NULL: none. */
const struct frame *finding_coroutine(const struct site *site);

/* The largest site for which `want` is true and something on the stack has a name; NULL: none. */
const struct site *finding_largest(const struct measurement *m, bool (*want)(const struct site *site));

#define FINDING_START 96

/*
 * "; starting them takes 38 % of the time, 1.1 ms each here": what workers per item cost.
 * @param measured_ns  of one start, by a replay; 0: not measured
 */
const char *finding_start(double share, uint64_t measured_ns, char buffer[static FINDING_START]);

#define FINDING_LOCKS 96

/* "; one lock takes 98 % of it", "; 5 locks, the hottest takes 40 % of it"; empty where no lock was seen by address. */
const char *finding_locks(const struct finding_context *c, char buffer[static FINDING_LOCKS]);

#define FINDING_HELD (FINDING_PLACE + 64)

/*
 * "; held by parse() at crawl.py:88 for 62 % of it": who held a lock of that cause while others waited for it, else who
 * ended most of those waits; empty where neither is known.
 */
const char *finding_held_by(const struct finding_context *c, enum cause cause, char buffer[static FINDING_HELD]);

/* high from 30 % of active time on, medium from 10 %, else low */
enum severity finding_severity(double share);

#define FINDING_STALL (3 * WORDS_NUMBER + 96)

/* "; longest stall 381 ms; 12 of 100 ms and more, 3.1 s in all" over all event loops; empty where none was seen. */
const char *finding_stall(const struct finding_context *c, char buffer[static FINDING_STALL]);

/* Speedup that evidence expects of a model; 0: not known, or none. */
double finding_gain_of_model(const struct finding_context *c, enum model model);

/* Speedup that evidence expects of the current model once mended; 0: not known, or none. */
double finding_gain_mended(const struct finding_context *c);

/*
 * Speedup if a wait went away: every lane loses its part of it, but the run can't get shorter than its CPU work on the
 * CPUs there are, nor than the time its interpreter lock is taken, nor than its longest lane without the wait, nor by
 * more than one lane waited.
 */
double finding_gain_without(const struct finding_context *c, uint64_t (*wait_ns)(const struct lane *lane));

static inline double finding_metric(const struct finding_context *c, enum metric metric)
{
    return c->metrics->value[metric];
}

/* X(function): the table of detectors, in order of id. */
#define FINDING_DETECTORS(X)         \
    X(find_one_busy_core)            \
    X(find_oversubscribed)           \
    X(find_already_saturated)        \
    X(find_interpreter_lock_convoy)  \
    X(find_mutex_convoy)             \
    X(find_lock_held_across_wait)    \
    X(find_serial_waits)             \
    X(find_serial_awaits)            \
    X(find_blocking_call_in_loop)    \
    X(find_cpu_in_loop)              \
    X(find_loop_pool_full)           \
    X(find_slow_peer)                \
    X(find_no_connection_reuse)      \
    X(find_async_twin_at_hand)       \
    X(find_process_per_item)         \
    X(find_thread_per_item)          \
    X(find_unbounded_threads)        \
    X(find_ipc_dominates)            \
    X(find_item_too_small)           \
    X(find_copied_after_fork)        \
    X(find_memory_exceeds_machine)   \
    X(find_memory_growth)            \
    X(find_beyond_one_machine)       \
    X(find_too_short)                \
    X(find_events_lost)              \
    X(find_mostly_idle)              \
    X(find_interpreter_lock_unknown) \
    X(find_missing_symbols)          \
    X(find_no_privileges)

/* Each: 0 or -ENOMEM. */
#define X(function) int function(const struct finding_context *c, struct finding_list *list);
FINDING_DETECTORS(X)
#undef X

/*
 * Run all detectors and rank what they found: severity, then time.
 * @param ret_list  owned by the caller (finding_clear() each, free() the items)
 * @return 0 or -ENOMEM
 */
int findings_detect(const struct finding_context *c, const int *ignored, size_t n_ignored,
                    struct finding_list *ret_list);
void finding_list_clear(struct finding_list *list);
