/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/findings/detect.h"

/* CA5001: the target's processes need (nearly) all the memory they may have. */
int find_memory_exceeds_machine(const struct finding_context *c, struct finding_list *list)
{
    double share = finding_metric(c, METRIC_MEMORY_SHARE);
    char text[WORDS_NUMBER];

    if (share < 0.8)
        return 0;
    return finding_add(
        list, c,
        (struct finding){.id = 5001,
                         .severity = share >= 0.95 ? SEVERITY_HIGH : SEVERITY_MEDIUM,
                         .time_ns = c->m->blocked_ns[CAUSE_MEMORY],
                         .share = metrics_share((double)c->m->blocked_ns[CAUSE_MEMORY], (double)c->lanes->busy_ns)},
        words_format("%.0f MiB resident at once, %s of what it may have",
                     finding_metric(c, METRIC_MEMORY_DEMAND_BYTES) / 1048576.0, words_share(share, text)),
        NULL);
}
