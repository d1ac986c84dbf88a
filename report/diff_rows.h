/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * diff_rows: the tables of a comparison, the same in every format.
 *
 * Knows what stands in a row and how its numbers are said. Refuses to know where the table will stand: what the target
 * named is raw here, and escaped by the format.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/compare/compare.h"
#include "report/buffer.h"
#include "report/format.h"

struct report_diff;

/* "-70 %", "-81.2 s", "same", "tie"; empty: nothing worth saying */
struct diff_change {
    char text[48];
};

/* Wall time, CPU time, threads and the like. */
struct diff_fact {
    const char *label; /* static; two leading spaces: a part of the row above */
    struct format_text side[COMPARE_SIDES];
    struct diff_change change;
};

#define DIFF_FACTS_MAX 8

/* @return number of rows */
size_t diff_facts_collect(const struct report_diff *diff, struct diff_fact ret_rows[DIFF_FACTS_MAX]);

/* Thread time in one bucket. */
struct diff_bucket {
    const char *label; /* static */
    unsigned state;    /* TIMELINE_ON_CPU, ... (report/html/timeline_rows.h); DIFF_NO_STATE: has no colour of its own */
    uint64_t time_ns[COMPARE_SIDES];
    double share[COMPARE_SIDES]; /* of the side's thread time */
    struct diff_change
        change; /* "-81.2 s", "same", "tie"; between attached runs "-12 pts" (percentage points) of the share */
};

#define DIFF_NO_STATE UINT32_MAX

/* "the rest" and "all threads" besides */
#define DIFF_BUCKETS_MAX (COMPARE_ROWS + 2)

/*
 * "all threads" first, then the largest first; what hardly counts becomes "the rest".
 * @param all  nothing is put together
 * @return number of rows
 */
size_t diff_buckets_collect(const struct report_diff *diff, bool all, struct diff_bucket ret_rows[DIFF_BUCKETS_MAX]);

/* A property of the two runs, raw. */
struct diff_property {
    const char *label; /* static */
    struct buffer side[COMPARE_SIDES];
    bool environment; /* not a result: where the two differ, that may be the reason for all the rest */
    bool code;        /* as a shell would take it */
};

#define DIFF_PROPERTIES_MAX 16

/* @return number of rows: diff_properties_clear() */
size_t diff_properties_collect(const struct report_diff *diff, struct diff_property ret_rows[DIFF_PROPERTIES_MAX]);
void diff_properties_clear(struct diff_property *rows, size_t n);

/* Environment, and not the same on both sides; or the very same. One that a side does not know is neither. */
bool diff_property_differs(const struct diff_property *row);
bool diff_property_is_shared(const struct diff_property *row);

/* "threads (8)", "serial", "model not known" */
void diff_rows_add_model(struct buffer *b, const struct advice *a);

/* "gone", "new", "worse", "better", "still" */
const char *diff_rows_change(const struct compare_finding *item);

/*
 * "80.0 s", "80.0 s -> 20.0 s"; nothing where a finding has no time. Between attached runs it is a rate: "640 ms/s", of
 * each second that was watched.
 */
void diff_rows_add_finding_time(struct buffer *b, const struct report_diff *diff, const struct compare_finding *item);
