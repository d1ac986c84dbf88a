/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * paper: profiles made by hand, for the simulator.
 *
 * Knows how to lay out equal items. Whatever is special about a test, the test changes itself.
 */

#include <stddef.h>
#include <stdint.h>

#include "analyzer/profile/profile.h"
#include "analyzer/simulate/simulate.h"

/* `n` items of `per_item` steps each, all like `step`; one phase, one lane, one stage, measured serially. */
struct profile *paper_items(size_t n, size_t per_item, struct profile_step step);

/* simulate() and simulate_current() that must succeed; the wall time. */
uint64_t paper_wall(const struct profile *p, const struct simulate_costs *costs, enum model model, uint32_t workers,
                    uint32_t cpus);
uint64_t paper_current(const struct profile *p, const struct simulate_costs *costs, uint32_t cpus);
