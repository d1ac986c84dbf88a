/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/findings/detect.h"

#include <math.h>

#define TRAFFIC 96

static bool waits_for_sibling(const struct site *site)
{
    return !site->on_cpu && (site->cause == CAUSE_IPC || site->cause == CAUSE_HANDOFF);
}

/* "; 12 MiB in 40000 writes of 320 bytes": all that those who talk wrote, files included. Empty where not counted. */
static const char *traffic_of(const struct finding_context *c, char buffer[static TRAFFIC])
{
    uint64_t bytes = 0, writes = 0;

    for (size_t i = 0; i < c->lanes->n; i++) {
        const struct lane *lane = &c->lanes->items[i];

        if (!lane->main || !lane->process || lane->process->writes < 100)
            continue;
        bytes += lane->process->written_bytes;
        writes += lane->process->writes;
    }
    buffer[0] = '\0';
    if (writes > 0)
        (void)snprintf(buffer, TRAFFIC, "; %.3g MiB in %llu writes, %.0f bytes each", (double)bytes / 1048576.0,
                       (unsigned long long)writes, (double)bytes / (double)writes);
    return buffer;
}

/* CA4101: messages between processes, or threads that take turns, cost more than the work they carry. */
int find_ipc_dominates(const struct finding_context *c, struct finding_list *list)
{
    double ipc_share = finding_metric(c, METRIC_IPC_SHARE), message_share = finding_metric(c, METRIC_MESSAGE_SHARE);
    double cpu_ns = finding_metric(c, METRIC_MESSAGE_CPU_NS);
    double ipc_cpu = finding_metric(c, METRIC_IPC_CPU_SHARE);
    bool carries = ipc_cpu >= 0.35;
    bool between_processes = carries || (ipc_share >= 0.15 && cpu_ns < 500e3);
    bool in_turns = message_share >= 0.3 && cpu_ns < 20e3 && finding_metric(c, METRIC_EXTERNAL_WAIT_SHARE) < 0.3;
    double share = fmax(between_processes ? ipc_share : message_share, carries ? ipc_cpu : 0.0);
    char waiting[WORDS_NUMBER], work[WORDS_NUMBER], traffic[WORDS_NUMBER], bytes[TRAFFIC];

    if (!between_processes && !in_turns)
        return 0;
    return finding_add(
        list, c,
        (struct finding){.id = 4101,
                         .severity = finding_severity(share),
                         .time_ns = between_processes ? c->lanes->ipc_ns : c->lanes->ipc_ns + c->lanes->handoff_ns,
                         .share = share,
                         .gain = finding_gain_of_model(c, MODEL_SERIAL)},
        words_format("%.0f round trips, %s of CPU for each; waiting %s of the time%s%s%s%s",
                     finding_metric(c, METRIC_MESSAGES), words_ns(cpu_ns, work),
                     words_share(between_processes ? ipc_share : message_share, waiting), carries ? ", " : "",
                     carries ? words_share(ipc_cpu, traffic) : "", carries ? " of CPU carries them" : "",
                     between_processes ? traffic_of(c, bytes) : ""),
        waits_for_sibling);
}
