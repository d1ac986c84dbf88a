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

/* high from 30 % of active time on, medium from 10 %, else low */
enum severity finding_severity(double share);

#define FINDING_STALL (WORDS_NUMBER + 32)

/* "; longest stall 81 ms" over all event loops; empty where no loop waited twice: then no stall has two ends. */
const char *finding_stall(const struct finding_context *c, char buffer[static FINDING_STALL]);

/* Speedup that evidence expects of a model; 0: not known, or none. */
double finding_gain_of_model(const struct finding_context *c, enum model model);

/* Speedup that evidence expects of the current model once mended; 0: not known, or none. */
double finding_gain_mended(const struct finding_context *c);

/*
 * Speedup if a wait went away: every lane loses its part of it, but the run can't get shorter than its CPU work on the
 * CPUs there are, nor than its longest lane without the wait.
 */
double finding_gain_without(const struct finding_context *c, uint64_t (*wait_ns)(const struct lane *lane));

static inline double finding_metric(const struct finding_context *c, enum metric metric)
{
    return c->metrics->value[metric];
}

/* X(function): the table of detectors, in order of id. */
#define FINDING_DETECTORS(X)        \
    X(find_one_busy_core)           \
    X(find_oversubscribed)          \
    X(find_already_saturated)       \
    X(find_interpreter_lock_convoy) \
    X(find_mutex_convoy)            \
    X(find_lock_held_across_wait)   \
    X(find_serial_waits)            \
    X(find_serial_awaits)           \
    X(find_blocking_call_in_loop)   \
    X(find_cpu_in_loop)             \
    X(find_slow_peer)               \
    X(find_process_per_item)        \
    X(find_thread_per_item)         \
    X(find_unbounded_threads)       \
    X(find_ipc_dominates)           \
    X(find_memory_exceeds_machine)  \
    X(find_beyond_one_machine)      \
    X(find_too_short)               \
    X(find_events_lost)             \
    X(find_mostly_idle)             \
    X(find_interpreter_lock_unknown)

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
