/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/findings/detect.h"

#include "analyzer/external.h"

/* With a quarter of the busiest waiter's waits, and alive together with it. */
static bool waits_beside(const struct lane *lane, const struct lane *busiest)
{
    return lane != busiest && lane->external_ns >= busiest->external_ns / 4 &&
           lane->thread->birth_ns < busiest->thread->death_ns && busiest->thread->birth_ns < lane->thread->death_ns;
}

/*
 * A server's pool under light load: requests come one by one, and its workers wait for them in turn. Nobody wrote these
 * waits one after the other, and nothing is there to overlap.
 */
static bool several_wait(const struct lanes *lanes)
{
    const struct lane *busiest = NULL;

    for (size_t i = 0; i < lanes->n; i++)
        if (!busiest || lanes->items[i].external_ns > busiest->external_ns)
            busiest = &lanes->items[i];
    for (size_t i = 0; i < lanes->n; i++)
        if (waits_beside(&lanes->items[i], busiest))
            return true;
    return false;
}

/* CA3001: many external waits, one after the other, with no event loop. */
int find_serial_waits(const struct finding_context *c, struct finding_list *list)
{
    double share = finding_metric(c, METRIC_EXTERNAL_WAIT_SHARE);
    double threads = finding_gain_of_model(c, MODEL_THREADS), coroutines = finding_gain_of_model(c, MODEL_COROUTINES);
    char text[WORDS_NUMBER];

    if (share < 0.3 || finding_metric(c, METRIC_EXTERNAL_WAITS) < 10.0)
        return 0;
    /* The limit of the tree (worth_share): a server without load has read its modules one by one, and nothing else. */
    if (finding_metric(c, METRIC_POTENTIAL_GAIN_SHARE) < 0.1)
        return 0;
    if (finding_metric(c, METRIC_EXTERNAL_CONCURRENCY) >= 1.5 || finding_metric(c, METRIC_LOOP_PRESENT) != 0.0)
        return 0;
    if (several_wait(c->lanes))
        return 0;
    /* Threads that wait one by one because of a lock are CA2201. */
    if (finding_metric(c, METRIC_LANES_WORKING) >= 2.0 && finding_metric(c, METRIC_LOCK_WAIT_SHARE) >= 0.1)
        return 0;
    return finding_add(list, c,
                       (struct finding){.id = 3001,
                                        .severity = finding_severity(share),
                                        .time_ns = c->lanes->external_ns,
                                        .share = share,
                                        .gain = threads > coroutines ? threads : coroutines},
                       words_format("%.0f waits of %s, one at a time", finding_metric(c, METRIC_EXTERNAL_WAITS),
                                    words_ns(finding_metric(c, METRIC_EXTERNAL_WAIT_MEAN_NS), text)),
                       site_waits_outside);
}
