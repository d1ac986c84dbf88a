/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * probe_limits: how much the probe may keep, made tiny by environment variables, so that anybody can see what a loss
 * looks like (docs/how-it-measures.md, Losses). Not options: nobody needs them to measure. The privileged helper gets
 * them as the numbers that it checks anyway.
 *
 *     CONCADVISE_TEST_RING_RECORDS  per-CPU ring of slices, in records (64 at least)
 *     CONCADVISE_TEST_MAX_THREADS   threads that can be alive at once
 *     CONCADVISE_TEST_MAX_SLICES    slices kept in memory before neighbours are merged
 */

#include <stddef.h>

struct probe_options;

/*
 * @param ret_options  its limits are set as far as the variables are
 * @param message      on failure: which variable, what it holds, what it may be
 * @return 0 or -EINVAL
 */
int probe_limits_from_environment(struct probe_options *ret_options, char *message, size_t size);
