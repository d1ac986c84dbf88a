/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/findings/detect.h"

/* CA6001: this machine is full, for long or with memory: more of it can only come from further machines. */
int find_beyond_one_machine(const struct finding_context *c, struct finding_list *list)
{
    double memory = finding_metric(c, METRIC_MEMORY_SHARE), full_ns = finding_metric(c, METRIC_SATURATED_NS);
    char share[WORDS_NUMBER], time[WORDS_NUMBER];

    if (memory < 0.9 && full_ns < 600e9)
        return 0;
    return finding_add(list, c,
                       (struct finding){.id = 6001,
                                        .severity = SEVERITY_MEDIUM,
                                        .time_ns = c->lanes->on_cpu_ns,
                                        .share = metrics_share((double)c->lanes->on_cpu_ns, (double)c->lanes->busy_ns)},
                       words_format("%u CPUs full for %s; memory %s of what it may have", c->cpus,
                                    words_ns(full_ns, time), words_share(memory, share)),
                       NULL);
}
