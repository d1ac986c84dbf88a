/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/findings/detect.h"

/* CA9003: there was nothing to do; the run says how the program idles, not how it works. */
int find_mostly_idle(const struct finding_context *c, struct finding_list *list)
{
    double lanes = finding_metric(c, METRIC_ACTIVE_LANES);
    char text[WORDS_NUMBER];

    if (lanes >= 0.1 || finding_metric(c, METRIC_WALL_NS) < 100e6)
        return 0;
    return finding_add(list, c,
                       (struct finding){.id = 9003,
                                        .severity = SEVERITY_INFO,
                                        .time_ns = c->lanes->idle_ns,
                                        .share = finding_metric(c, METRIC_IDLE_SHARE)},
                       words_format("active for %s of the run", words_share(lanes, text)), NULL);
}
