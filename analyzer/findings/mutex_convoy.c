/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/findings/detect.h"

static bool waits_for_lock(const struct site *site)
{
    return !site->on_cpu && site->cause == CAUSE_LOCK;
}

static uint64_t lock_wait(const struct lane *lane)
{
    return lane->lock_ns;
}

static unsigned waiters(const struct lanes *lanes)
{
    unsigned n = 0;

    for (size_t i = 0; i < lanes->n; i++)
        n += lanes->items[i].lock_ns > 0;
    return n;
}

/* CA2101: threads queue for a mutex (or a lock object of the interpreter). */
int find_mutex_convoy(const struct finding_context *c, struct finding_list *list)
{
    double share = finding_metric(c, METRIC_LOCK_WAIT_SHARE);
    unsigned n = waiters(c->lanes);
    char text[WORDS_NUMBER], locks[FINDING_LOCKS], held[FINDING_HELD];

    if (share < 0.1 || n < 2)
        return 0;
    return finding_add(list, c,
                       (struct finding){.id = 2101,
                                        .severity = finding_severity(share),
                                        .time_ns = c->lanes->lock_ns,
                                        .share = share,
                                        .gain = finding_gain_without(c, lock_wait)},
                       words_format("%u threads queue %s of their time%s%s", n, words_share(share, text),
                                    finding_locks(c, locks), finding_held_by(c, CAUSE_LOCK, held)),
                       waits_for_lock);
}
