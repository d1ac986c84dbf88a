/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/findings/detect.h"

#include <math.h>

#include "analyzer/external.h"

/* What is left when all are under way at once is the longest of them, and the CPU work. */
static double saved_share(const struct finding_context *c)
{
    double gain = finding_gain_mended(c);

    return gain > 1.0 ? 1.0 - 1.0 / gain : finding_metric(c, METRIC_LOOP_OVERLAP_SHARE);
}

/* CA3002: awaits one after another: an event loop that never has two waits outstanding. */
int find_serial_awaits(const struct finding_context *c, struct finding_list *list)
{
    double share = finding_metric(c, METRIC_EXTERNAL_WAIT_SHARE);
    char text[WORDS_NUMBER], saved[WORDS_NUMBER];

    if (finding_metric(c, METRIC_LOOP_SERIAL_AWAITS) == 0.0)
        return 0;
    return finding_add(
        list, c,
        (struct finding){.id = 3002,
                         .severity = finding_severity(share),
                         .time_ns = c->lanes->external_ns,
                         .share = share,
                         .gain = finding_gain_mended(c)},
        words_format("%.0f awaits of %s, one outstanding at a time; overlapping them saves %s of the run",
                     finding_metric(c, METRIC_EXTERNAL_WAITS),
                     words_ns(finding_metric(c, METRIC_EXTERNAL_WAIT_MEAN_NS), text),
                     words_share(fmin(1.0, saved_share(c)), saved)),
        site_waits_outside);
}
