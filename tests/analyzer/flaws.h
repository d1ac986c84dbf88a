/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * flaws: every detector with a program that has its flaw, and one that nearly has it, as synthetic measurements.
 */

#include "builder.h"

struct flaw_case {
    int id; /* of the finding */
    struct measurement *(*has_it)(void);
    struct measurement *(*near_miss)(void);
};

extern const struct flaw_case flaw_cases[];
extern const size_t n_flaw_cases;

struct measurement *flaw_make(int id); /* the program that has it; NULL: no such finding */

/* Messages on full CPUs, nobody waits for long: the traffic shows in the samples only. */
struct measurement *flaw_traffic(uint64_t traffic_ns);
