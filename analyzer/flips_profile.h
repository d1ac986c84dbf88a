/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * flips_profile: a profile small enough to be simulated some hundred times.
 *
 * Which model is ahead does not hang on every item: some hundred steps are kept, evenly. Serial parts and start-ups
 * keep their share of the whole.
 */

#include "analyzer/profile/profile.h"
#include "analyzer/simulate/simulate.h"

struct forecast;

struct flips_profile {
    struct profile profile; /* one item of `every`; borrows what is not below from the forecast's */
    struct simulate_costs costs;
    double every;               /* >= 1 */
    struct profile_item *items; /* arrays of profile that are its own */
    struct profile_step *steps;
    struct profile_phase *phases;
};

/*
 * @param f     with a profile; must outlive `thin`
 * @param thin  zeroed; flips_profile_clear() it, on failure too
 * @return 0 or -ENOMEM
 */
int flips_profile_thin(const struct forecast *f, struct flips_profile *thin);
void flips_profile_clear(struct flips_profile *thin);
