/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * time_rows: where thread time went, as rows of a table: the same in every format.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probe/measurement.h"

/* One bucket of thread time. */
struct time_row {
    const char *label; /* static */
    uint64_t time_ns;
    bool on_cpu;
    bool placed; /* it is worth saying where: nothing is gained where there was nothing to do */
    enum cause cause;
};

#define TIME_ROWS_MAX (CAUSE_COUNT + 3)

/* Largest first, without empty ones. @return number of rows */
size_t time_rows_collect(const struct measurement *m, struct time_row ret_rows[TIME_ROWS_MAX]);

/*
 * Where most of the on-CPU time, or of the waits for one cause, was spent: sites are added up by the frame people would
 * look at.
 * @param ret_time_ns  time spent there
 * @return NULL: no stack of it has a name, or out of memory
 */
const struct frame *time_rows_top_frame(const struct measurement *m, bool on_cpu, enum cause cause,
                                        uint64_t *ret_time_ns);
