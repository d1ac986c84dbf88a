/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * sampler_rate: how long to pause between two rounds of looks.
 *
 * Rounds may take 1.8 % of a CPU in the long run, however many threads there are, and have a credit of 20 ms to begin
 * with: a short run is looked at more closely. (While no more than 40 ms are overdrawn, no pause is longer than 0.1 s.)
 * What a round costs is measured, by the looking thread's own clock. With few threads that makes about 1,000 rounds a
 * second, the most there are; with 1,000 threads some 10.
 */

#include <stdint.h>

struct sampler_rate {
    int64_t credit_ns; /* of CPU time */
    uint64_t last;     /* when a round ended */
    uint64_t cost_ns;  /* of a round, smoothed */
};

#define SAMPLER_PAUSE_LEAST_NS UINT64_C(1000000)
#define SAMPLER_PAUSE_MOST_NS UINT64_C(2000000000)

void sampler_rate_init(struct sampler_rate *rate, uint64_t now);

/* A round has ended. @param cost_ns  CPU time it took  @return how long to pause, in ns */
uint64_t sampler_rate_pause(struct sampler_rate *rate, uint64_t now, uint64_t cost_ns);

/* The longer nothing has run, the less it matters when exactly something does again. @return the pause, or a longer one
 */
uint64_t sampler_rate_still(uint64_t pause_ns, uint64_t still_ns);
