/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/findings/detect.h"

static bool waits_for_sibling(const struct site *site)
{
    return !site->on_cpu && (site->cause == CAUSE_IPC || site->cause == CAUSE_HANDOFF);
}

/* CA4101: messages between processes, or threads that take turns, cost more than the work they carry. */
int find_ipc_dominates(const struct finding_context *c, struct finding_list *list)
{
    double ipc_share = finding_metric(c, METRIC_IPC_SHARE), message_share = finding_metric(c, METRIC_MESSAGE_SHARE);
    double cpu_ns = finding_metric(c, METRIC_MESSAGE_CPU_NS);
    bool between_processes = ipc_share >= 0.15 && cpu_ns < 500e3;
    bool in_turns = message_share >= 0.3 && cpu_ns < 20e3 && finding_metric(c, METRIC_EXTERNAL_WAIT_SHARE) < 0.3;
    double share = between_processes ? ipc_share : message_share;
    char text[WORDS_NUMBER], cpu[WORDS_NUMBER];

    if (!between_processes && !in_turns)
        return 0;
    return finding_add(
        list, c,
        (struct finding){.id = 4101,
                         .severity = finding_severity(share),
                         .time_ns = between_processes ? c->lanes->ipc_ns : c->lanes->ipc_ns + c->lanes->handoff_ns,
                         .share = share,
                         .gain = finding_gain_of_model(c, MODEL_SERIAL)},
        words_format("%.0f messages, %s of work for each; waiting for them %s of the time",
                     finding_metric(c, METRIC_MESSAGES), words_ns(cpu_ns, cpu), words_share(share, text)),
        waits_for_sibling);
}
