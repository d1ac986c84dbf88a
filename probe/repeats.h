/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * repeats: several measured runs of one command become one measurement (-r N).
 *
 * Keeps the totals of every run and, of the runs themselves, only those that may still turn out to be the middle one:
 * at most half of the planned runs at a time. Knows wall times. Refuses to judge what they mean.
 */

#include <stddef.h>

struct measurement;
struct repeat;

struct repeats {
    size_t planned;            /* runs that are wanted in all; >= 1 */
    struct repeat *rows;       /* totals, in the order of the runs */
    size_t n;                  /* runs so far */
    size_t capacity;           /* of rows and of runs */
    struct measurement **runs; /* n entries; NULL: it can no longer be the middle one */
};

void repeats_init(struct repeats *r, size_t planned);
void repeats_clear(struct repeats *r); /* frees what is left; accepts a zeroed struct */

/*
 * Add the next run.
 * @param m  taken over, also on failure
 * @return 0 or -ENOMEM
 */
int repeats_add(struct repeats *r, struct measurement *m);

/*
 * Hand out the run with the median wall time (of an even number the faster of the two in the middle), with the totals
 * of all runs as its `repeats`; a single run gets none. May be called before all planned runs were made; once only.
 *
 * @param ret_m  owned by the caller, measurement_free()
 * @return 0 or -ENODATA (no run)
 */
int repeats_take(struct repeats *r, struct measurement **ret_m);
