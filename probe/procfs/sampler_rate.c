/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/procfs/sampler_rate.h"

#include "base/base.h"

#define SHARE 0.018              /* of a CPU, in the long run */
#define CREDIT (20 * 1000000)    /* to begin with, and at most */
#define OVERDRAFT (40 * 1000000) /* hundreds of threads that all begin at once are not left unseen for seconds */
#define PATIENCE 0.1e9
#define SPENT_IN 0.5e9 /* credit is used up over some such times of what it would last */

#define STILL_SHARE 64 /* a wait's end is known to 1/64 of its length, or better */
#define STILL_MOST_NS (10 * NSEC_PER_MSEC)

void sampler_rate_init(struct sampler_rate *rate, uint64_t now)
{
    rate->credit_ns = CREDIT;
    rate->last = now;
    rate->cost_ns = 0;
}

uint64_t sampler_rate_pause(struct sampler_rate *rate, uint64_t now, uint64_t cost_ns)
{
    double share = SHARE, pause;

    rate->cost_ns = rate->cost_ns ? (7 * rate->cost_ns + cost_ns) / 8 : cost_ns;
    rate->credit_ns += (int64_t)((double)(now - rate->last) * SHARE) - (int64_t)cost_ns;
    if (rate->credit_ns > CREDIT)
        rate->credit_ns = CREDIT;
    rate->last = now;
    if (rate->credit_ns > 0)
        share += (double)rate->credit_ns / SPENT_IN;
    pause = (double)rate->cost_ns / share;
    if (rate->credit_ns < 0) /* to be earned again, but not by being blind for long */
        pause += pause < (double)-rate->credit_ns / SHARE ? pause : (double)-rate->credit_ns / SHARE;
    if (rate->credit_ns > -OVERDRAFT && pause > PATIENCE)
        pause = PATIENCE;
    if (pause < (double)SAMPLER_PAUSE_LEAST_NS)
        return SAMPLER_PAUSE_LEAST_NS;
    return pause > (double)SAMPLER_PAUSE_MOST_NS ? SAMPLER_PAUSE_MOST_NS : (uint64_t)pause;
}

uint64_t sampler_rate_still(uint64_t pause_ns, uint64_t still_ns)
{
    uint64_t pause = still_ns / STILL_SHARE;

    if (pause > STILL_MOST_NS)
        pause = STILL_MOST_NS;
    return pause > pause_ns ? pause : pause_ns;
}
