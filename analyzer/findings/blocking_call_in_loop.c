/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/findings/detect.h"

static bool blocks_in_loop(const struct site *site)
{
    return site->in_event_loop && !site->on_cpu;
}

/* CA3101: a call inside the event loop blocks it, and with it every other task. */
int find_blocking_call_in_loop(const struct finding_context *c, struct finding_list *list)
{
    double share = finding_metric(c, METRIC_LOOP_BLOCKED_SHARE);
    uint64_t blocked_ns = 0, count = 0;
    char total[WORDS_NUMBER], stall[FINDING_STALL];

    if (share < 0.05)
        return 0;
    for (size_t i = 0; i < c->lanes->n; i++) {
        const struct event_loop *loop = c->lanes->items[i].loop;

        if (!loop)
            continue;
        blocked_ns += loop->blocked_in_turn_ns;
        count += loop->blocked_in_turn_count;
    }
    return finding_add(list, c,
                       (struct finding){.id = 3101,
                                        .severity = finding_severity(share),
                                        .time_ns = blocked_ns,
                                        .share = share,
                                        .gain = finding_gain_mended(c)},
                       words_format("%llu blocking waits inside the loop, %s%s", (unsigned long long)count,
                                    words_ns((double)blocked_ns, total), finding_stall(c, stall)),
                       blocks_in_loop);
}
