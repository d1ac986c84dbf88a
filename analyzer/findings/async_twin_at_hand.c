/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/findings/detect.h"

#include "analyzer/async_twins.h"

/* From here on coroutines are what the waits call for: as the tree's nodes many_waits, waits_overlap, waits_hundreds.
 */
#define MANY_WAITS 32
#define OVERLAPPED 4.0
#define HUNDREDS 100.0

static bool waits_outside(const struct site *site)
{
    return !site->on_cpu && (site->cause == CAUSE_NETWORK || site->cause == CAUSE_PIPE);
}

/*
 * CA3401: the program waits in a blocking library that has an asynchronous twin, and coroutines would have a use for
 * it: nothing overlaps yet, hundreds of threads do nothing but wait, or an event loop is there already and has its
 * requests done by threads. A call that blocks the loop itself is CA3101; a pool that keeps some requests under way is
 * right as it is.
 */
int find_async_twin_at_hand(const struct finding_context *c, struct finding_list *list)
{
    struct async_waits waits = async_twin_waits(c->m);
    double share = metrics_share((double)waits.time_ns, (double)c->lanes->work_ns);
    double concurrency = finding_metric(c, METRIC_EXTERNAL_CONCURRENCY);
    bool loop = finding_metric(c, METRIC_LOOP_PRESENT) != 0.0;
    char text[WORDS_NUMBER], place[FINDING_PLACE];
    int r;

    if (!waits.twin || !waits.twin->twin || waits.twin->call || !waits.site)
        return 0;
    if (share < 0.3 || finding_metric(c, METRIC_EXTERNAL_WAITS) < MANY_WAITS)
        return 0;
    if (finding_metric(c, METRIC_LOOP_BLOCKED_SHARE) >= 0.05 || waits.site->in_event_loop)
        return 0;
    if (!loop && concurrency >= OVERLAPPED && concurrency < HUNDREDS)
        return 0;
    r = finding_add(
        list, c,
        (struct finding){
            .id = 3401, .severity = loop ? SEVERITY_INFO : SEVERITY_LOW, .time_ns = waits.time_ns, .share = share},
        words_format("%s of the time in %s%s", words_share(share, text), waits.twin->library,
                     loop ? ", beside an event loop" : ""),
        waits_outside);
    if (r < 0)
        return r;
    (void)finding_place(waits.site->frames, waits.site->n_frames, place);
    return finding_remedy(
        list, words_format("%s instead of %s%s%s", waits.twin->twin, waits.twin->library, place[0] ? ": " : "", place));
}
