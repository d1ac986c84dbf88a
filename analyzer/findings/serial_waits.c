/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/findings/detect.h"

static bool waits_outside(const struct site *site)
{
    return !site->on_cpu && (site->cause == CAUSE_NETWORK || site->cause == CAUSE_DISK || site->cause == CAUSE_PIPE ||
                             site->cause == CAUSE_SLEEP);
}

/* CA3001: many external waits, one after the other, with no event loop. */
int find_serial_waits(const struct finding_context *c, struct finding_list *list)
{
    double share = finding_metric(c, METRIC_EXTERNAL_WAIT_SHARE);
    double threads = finding_gain_of_model(c, MODEL_THREADS), coroutines = finding_gain_of_model(c, MODEL_COROUTINES);
    char text[WORDS_NUMBER];

    if (share < 0.3 || finding_metric(c, METRIC_EXTERNAL_WAITS) < 10.0)
        return 0;
    if (finding_metric(c, METRIC_EXTERNAL_CONCURRENCY) >= 1.5 || finding_metric(c, METRIC_LOOP_PRESENT) != 0.0)
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
                       waits_outside);
}
