/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/findings/detect.h"

#include "analyzer/external.h"

static bool waits_for_lock_or_outside(const struct site *site)
{
    return site_waits_outside(site) || (!site->on_cpu && site->cause == CAUSE_LOCK);
}

static uint64_t lock_wait(const struct lane *lane)
{
    return lane->lock_ns;
}

static unsigned lanes_with_both(const struct lanes *lanes)
{
    unsigned n = 0;

    for (size_t i = 0; i < lanes->n; i++) {
        const struct lane *lane = &lanes->items[i];

        n += lane->substantial && lane->lock_ns >= lane->busy_ns / 10 && lane->external_ns >= lane->busy_ns / 50;
    }
    return n;
}

/*
 * CA2201: a lock is held while its owner waits for something outside. The sign: several threads both queue for a lock
 * and wait outside, yet hardly ever two of them wait outside at once, and those waits outweigh the CPU work.
 */
int find_lock_held_across_wait(const struct finding_context *c, struct finding_list *list)
{
    double share = finding_metric(c, METRIC_LOCK_WAIT_SHARE);
    unsigned n = lanes_with_both(c->lanes);
    char text[WORDS_NUMBER], locks[FINDING_LOCKS], held[FINDING_HELD];

    if (share < 0.2 || n < 2 || finding_metric(c, METRIC_EXTERNAL_CONCURRENCY) > 1.3)
        return 0;
    if (c->lanes->external_ns < c->lanes->on_cpu_ns)
        return 0;
    return finding_add(list, c,
                       (struct finding){.id = 2201,
                                        .severity = finding_severity(share),
                                        .time_ns = c->lanes->lock_ns,
                                        .share = share,
                                        .gain = finding_gain_without(c, lock_wait)},
                       words_format("%u threads, but one wait at a time; queued for the lock %s of their time%s%s", n,
                                    words_share(share, text), finding_locks(c, locks),
                                    finding_held_by(c, CAUSE_LOCK, held)),
                       waits_for_lock_or_outside);
}
