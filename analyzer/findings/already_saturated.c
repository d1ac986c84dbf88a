/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/findings/detect.h"

/* CA1301: all CPUs are full: concurrency has nothing left to give. */
int find_already_saturated(const struct finding_context *c, struct finding_list *list)
{
    char text[WORDS_NUMBER];

    if (finding_metric(c, METRIC_MACHINE_SATURATED) == 0.0)
        return 0;
    return finding_add(list, c,
                       (struct finding){.id = 1301,
                                        .severity = SEVERITY_INFO,
                                        .time_ns = c->lanes->on_cpu_ns,
                                        .share = metrics_share((double)c->lanes->on_cpu_ns, (double)c->lanes->busy_ns)},
                       words_format("%s of %u CPU%s in use or asked for",
                                    words_share(finding_metric(c, METRIC_CPU_USED_SHARE), text), c->cpus,
                                    c->cpus == 1 ? "" : "s"),
                       NULL);
}
