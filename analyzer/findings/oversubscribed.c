/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/findings/detect.h"

#define OWN_SHARE 0.6 /* of the CPUs, in use by the program itself */

/* CA1203: more threads want a CPU than there are CPUs. */
int find_oversubscribed(const struct finding_context *c, struct finding_list *list)
{
    double demand = finding_metric(c, METRIC_CPU_DEMAND_PER_CPU);
    double lanes = finding_metric(c, METRIC_LANES_WORKING);
    double share = finding_metric(c, METRIC_RUNNABLE_SHARE);
    double cores = finding_metric(c, METRIC_CPU_CORES_BUSY);
    char text[WORDS_NUMBER];

    /* With no more lanes than CPUs, or with the CPUs mostly used by others, it is the neighbours that crowd the
     * machine. */
    if (demand < 1.5 || lanes <= (double)c->cpus || cores < OWN_SHARE * (double)c->cpus)
        return 0;
    return finding_add(
        list, c,
        (struct finding){.id = 1203,
                         .severity = demand >= 3.0 ? SEVERITY_HIGH : SEVERITY_MEDIUM,
                         .time_ns = c->lanes->runnable_ns,
                         .share = metrics_share((double)c->lanes->runnable_ns, (double)c->lanes->busy_ns)},
        words_format("%.0f busy threads for %u CPUs; ready but waiting %s of their time", lanes, c->cpus,
                     words_share(share, text)),
        NULL);
}
