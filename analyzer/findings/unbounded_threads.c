/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/findings/detect.h"

/* CA4003: a thread per item with nothing that bounds how many live at once. */
int find_unbounded_threads(const struct finding_context *c, struct finding_list *list)
{
    double live = finding_metric(c, METRIC_ONE_SHOT_THREADS_LIVE);

    if (live < 100.0)
        return 0;
    return finding_add(list, c,
                       (struct finding){.id = 4003,
                                        .severity = live >= 500.0 ? SEVERITY_HIGH : SEVERITY_MEDIUM,
                                        .time_ns = c->lanes->busy_ns,
                                        .share = 1.0},
                       words_format("%.0f threads at once, each for one item", live), NULL);
}
