/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/follow/loop_stalls.h"

#include "probe/measurement.h"

void stalls_add(struct stalls *stalls, uint64_t ns)
{
    if (ns > stalls->longest_ns)
        stalls->longest_ns = ns;
    if (ns < EVENT_LOOP_STALL_NS)
        return;
    stalls->count++;
    stalls->sum_ns += ns;
}

void waits_add(struct waits *waits, uint64_t ns)
{
    waits->ns += ns;
    waits->count++;
    stalls_add(&waits->stalls, ns);
}

void waits_commit(struct waits *to, struct waits *pending)
{
    to->ns += pending->ns;
    to->count += pending->count;
    to->stalls.count += pending->stalls.count;
    to->stalls.sum_ns += pending->stalls.sum_ns;
    if (pending->stalls.longest_ns > to->stalls.longest_ns)
        to->stalls.longest_ns = pending->stalls.longest_ns;
    *pending = (struct waits){0};
}
