/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#pragma once

/*
 * clock: the time of a context switch, without reading the clock at each.
 *
 * __schedule() has just brought rq->clock up to date (kernel/sched/core.c). Where the clocksource is the TSC, that
 * clock and CLOCK_MONOTONIC count the same cycles; they differ by an offset that only drifts, and that each CPU looks
 * up again once a millisecond. Where switches are rarer than that each still reads the clock. What remains are some 0.1
 * us between one switch and another; stretches of a thread follow each other without gaps all the same.
 */

/* Set by user space before loading: rq->clock and CLOCK_MONOTONIC count the same cycles. */
const volatile __u8 scheduler_clock = 0;

#define CLOCK_KEEP_NS 1000000
/* An interrupt between the two readings must not shift the offset by its length; clocks drift less than this. */
#define CLOCK_STEP_NS 1000

/* Both clocks were read: the time by CLOCK_MONOTONIC, for the offset that is kept. */
static __always_inline __u64 clock_keep_offset(struct ring_head *head, __u64 clock, __u64 now)
{
    __u64 ahead = now - clock;

    if (head->clock_read && (__s64)(ahead - head->clock_ahead) > CLOCK_STEP_NS)
        ahead = head->clock_ahead + CLOCK_STEP_NS;
    head->clock_ahead = ahead;
    head->clock_read = clock;
    return now;
}

/* @param next  the thread that gets this CPU, hence of its run queue */
static __always_inline __u64 switch_time(struct task_struct *next)
{
    struct ring_head *head;
    __u64 clock;
    __u32 cpu;

    if (!scheduler_clock || !bpf_core_field_exists(next->se.cfs_rq)) /* there with CONFIG_FAIR_GROUP_SCHED */
        return bpf_ktime_get_ns();
    head = ring_head(&cpu);
    if (!head)
        return bpf_ktime_get_ns();
    clock = readable(next)->se.cfs_rq->rq->clock;
    if (clock - head->clock_read < CLOCK_KEEP_NS)
        return clock + head->clock_ahead;
    return clock_keep_offset(head, clock, bpf_ktime_get_ns());
}
