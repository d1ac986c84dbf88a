/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/findings/detect.h"

static bool computes_in_loop(const struct site *site)
{
    return site->in_event_loop && site->on_cpu;
}

/* CA3102: callbacks compute for so long that the loop's other tasks feel it. */
int find_cpu_in_loop(const struct finding_context *c, struct finding_list *list)
{
    double share = finding_metric(c, METRIC_LOOP_CPU_SHARE);
    double turn_ns = finding_metric(c, METRIC_LOOP_TURN_CPU_NS);
    double gain = finding_gain_of_model(c, MODEL_PROCESSES);
    enum severity severity = finding_severity(share);
    const struct site *site = finding_largest(c->m, computes_in_loop);
    const struct frame *coroutine = site ? finding_coroutine(site) : NULL;
    char turn[WORDS_NUMBER], stall[FINDING_STALL], place[FINDING_PLACE] = "";
    uint64_t busy_ns = 0;

    /* 5 ms: what CPython grants a thread before it must offer the interpreter lock; a loop has no such rule. */
    if (share < 0.3 || turn_ns < 5e6)
        return 0;
    for (size_t i = 0; i < c->lanes->n; i++)
        busy_ns += c->lanes->items[i].loop ? c->lanes->items[i].loop->busy_cpu_ns : 0;
    /* With nothing to gain it is a matter of latency only. */
    if (gain <= 0.0 && severity > SEVERITY_MEDIUM)
        severity = SEVERITY_MEDIUM;
    if (site)
        (void)finding_place(site->frames, site->n_frames, place);
    return finding_add(
        list, c, (struct finding){.id = 3102, .severity = severity, .time_ns = busy_ns, .share = share, .gain = gain},
        words_format("%s of CPU per turn%s%s%s%.80s%s%s", words_ns(turn_ns, turn), place[0] ? ", most in " : "", place,
                     coroutine ? " of coroutine " : "", coroutine ? coroutine->function : "", coroutine ? "()" : "",
                     finding_stall(c, stall)),
        computes_in_loop);
}
