/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/findings/detect.h"

/* CA9002: part of the thread time is not accounted for. */
int find_events_lost(const struct finding_context *c, struct finding_list *list)
{
    double share = finding_metric(c, METRIC_DATA_LOSS_SHARE);
    const struct loss *loss = &c->m->loss;
    double slices = metrics_slices_lost(c->m);
    char text[WORDS_NUMBER];

    if (share < 0.01 && slices >= 0.01)
        return finding_add(
            list, c, (struct finding){.id = 9002, .severity = SEVERITY_MEDIUM, .share = slices},
            words_format("%s of the slices did not reach the forecast; no time is missing", words_share(slices, text)),
            NULL);
    if (share < 0.01)
        return 0;
    return finding_add(list, c,
                       (struct finding){.id = 9002,
                                        .severity = share >= 0.1 ? SEVERITY_HIGH : SEVERITY_MEDIUM,
                                        .time_ns = c->m->unattributed_ns,
                                        .share = share},
                       words_format("%s of thread time unexplained; %llu threads not seen", words_share(share, text),
                                    (unsigned long long)loss->threads_dropped),
                       NULL);
}
