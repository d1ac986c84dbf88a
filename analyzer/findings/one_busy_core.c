/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/findings/detect.h"

static bool is_on_cpu(const struct site *site)
{
    return site->on_cpu;
}

/*
 * CA1001: the program keeps one CPU busy, all the time, and the others idle. Ready-but-not-running time of a single
 * thread counts as busy: on a crowded machine it has to wait for its turn. Of many threads it says nothing.
 */
int find_one_busy_core(const struct finding_context *c, struct finding_list *list)
{
    double cores = finding_metric(c, METRIC_CPU_CORES_BUSY);
    bool alone = finding_metric(c, METRIC_LANES_WORKING) < 2.0;
    double demand = alone ? finding_metric(c, METRIC_CPU_DEMAND_PER_CPU) * finding_metric(c, METRIC_CPUS) : cores;
    double on_cpu = (double)c->lanes->on_cpu_ns;

    if (c->cpus < 2 || demand < 0.7 || cores > 1.25 || finding_metric(c, METRIC_CPU_USED_SHARE) >= 0.75)
        return 0;
    if (finding_metric(c, METRIC_CPU_PARALLEL_SHARE) >= 0.25)
        return 0;
    /* Work that is spread already, and is little, or waits for a lock: no core is the limit. */
    if (finding_metric(c, METRIC_PROCESSES_WORKING) >= 2.0 ||
        (!alone && finding_metric(c, METRIC_HAS_INTERPRETER_LOCK) == 0.0))
        return 0;
    return finding_add(list, c,
                       (struct finding){.id = 1001,
                                        .severity = SEVERITY_MEDIUM,
                                        .time_ns = c->lanes->on_cpu_ns,
                                        .share = metrics_share(on_cpu, (double)c->lanes->busy_ns)},
                       words_format("%.2g of %u CPUs busy", cores, c->cpus), is_on_cpu);
}
