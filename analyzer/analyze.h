/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * analyze: measurement in, advice out. Pure: no kernel, no clock, no printing; the same measurement and tree always
 * give the same advice. Replay results are read from the measurement (analyzer/replay/replay.h puts them there).
 */

#include <stddef.h>
#include <stdint.h>

struct advice;
struct measurement;
struct tree;

struct analyze_options {
    const struct tree *tree; /* NULL: the built-in tree */
    uint32_t cpus;           /* forecast for this many CPUs; 0: what the target may use here */
    const int *ignored;      /* finding ids to leave out; may be NULL */
    size_t n_ignored;
};

/* @return 0 (ret_advice owned by the caller, advice_free()), -ENOMEM, -EBADMSG (measurement breaks its invariants) */
int analyze(const struct measurement *m, const struct analyze_options *options, struct advice **ret_advice);
