/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/findings/detect.h"

static bool waits_for_peer(const struct site *site)
{
    return !site->on_cpu && (site->cause == CAUSE_NETWORK || site->cause == CAUSE_PIPE);
}

/* CA3201: a slow peer (query, service) that is easily taken for work of the program itself. */
int find_slow_peer(const struct finding_context *c, struct finding_list *list)
{
    uint64_t peer_ns = c->m->blocked_ns[CAUSE_NETWORK] + c->m->blocked_ns[CAUSE_PIPE];
    double share = metrics_share((double)peer_ns, (double)c->lanes->work_ns);
    double mean_ns = finding_metric(c, METRIC_EXTERNAL_WAIT_MEAN_NS);
    double cpu_share = metrics_share((double)c->lanes->on_cpu_ns, (double)c->lanes->work_ns);
    char mean[WORDS_NUMBER], cpu[WORDS_NUMBER];

    /* 20 ms is beyond any round trip in one data centre: the peer itself takes that long. */
    if (share < 0.5 || mean_ns < 20e6 || cpu_share >= 0.3)
        return 0;
    if (finding_metric(c, METRIC_EXTERNAL_CONCURRENCY) >= 1.5 || finding_metric(c, METRIC_LOOP_PRESENT) != 0.0)
        return 0;
    return finding_add(list, c,
                       (struct finding){.id = 3201, .severity = SEVERITY_MEDIUM, .time_ns = peer_ns, .share = share},
                       words_format("%s per answer; the program itself computes %s of its time",
                                    words_ns(mean_ns, mean), words_share(cpu_share, cpu)),
                       waits_for_peer);
}
