/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/findings/detect.h"

static bool waits_outside(const struct site *site)
{
    return !site->on_cpu && (site->cause == CAUSE_NETWORK || site->cause == CAUSE_DISK || site->cause == CAUSE_PIPE ||
                             site->cause == CAUSE_SLEEP);
}

/* CA3002: awaits one after another: an event loop that never has two waits outstanding. */
int find_serial_awaits(const struct finding_context *c, struct finding_list *list)
{
    double share = finding_metric(c, METRIC_EXTERNAL_WAIT_SHARE);
    char text[WORDS_NUMBER];

    if (finding_metric(c, METRIC_LOOP_SERIAL_AWAITS) == 0.0)
        return 0;
    return finding_add(list, c,
                       (struct finding){.id = 3002,
                                        .severity = finding_severity(share),
                                        .time_ns = c->lanes->external_ns,
                                        .share = share,
                                        .gain = finding_gain_mended(c)},
                       words_format("%.0f awaits of %s, one after another", finding_metric(c, METRIC_EXTERNAL_WAITS),
                                    words_ns(finding_metric(c, METRIC_EXTERNAL_WAIT_MEAN_NS), text)),
                       waits_outside);
}
