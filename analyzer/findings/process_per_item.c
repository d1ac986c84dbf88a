/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/findings/detect.h"

/* CA4001: a process is made for each small item. */
int find_process_per_item(const struct finding_context *c, struct finding_list *list)
{
    double share = finding_metric(c, METRIC_PROCESS_START_SHARE);
    double n = finding_metric(c, METRIC_SHORT_PROCESSES);
    char life[WORDS_NUMBER], cost[FINDING_START];

    if (share < 0.1)
        return 0;
    return finding_add(list, c,
                       (struct finding){.id = 4001,
                                        .severity = finding_severity(share),
                                        .time_ns = (uint64_t)(share * (double)c->lanes->work_ns),
                                        .share = share,
                                        .gain = c->current_model == MODEL_PROCESSES
                                                    ? finding_gain_mended(c)
                                                    : finding_gain_of_model(c, MODEL_PROCESSES)},
                       words_format("%.0f processes, %.0f a second, each alive for %s%s", n,
                                    metrics_share(n * 1e9, (double)c->m->wall_ns),
                                    words_ns(finding_metric(c, METRIC_SHORT_PROCESS_MEAN_NS), life),
                                    finding_start(share, c->m->replay_process_start_ns, cost)),
                       NULL);
}
