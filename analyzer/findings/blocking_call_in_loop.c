/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/findings/detect.h"

#include "analyzer/async_twins.h"

static bool blocks_in_loop(const struct site *site)
{
    return site->in_event_loop && !site->on_cpu;
}

#define CALL (FINDING_PLACE + 64)

/* ": time.sleep in coroutine fetch()", as far as a stack tells. */
static const char *call_of(const struct async_twin *twin, const struct frame *coroutine, char buffer[static CALL])
{
    (void)snprintf(buffer, CALL, "%s%s%s%.80s%s", twin || coroutine ? ": " : "", twin ? twin->library : "",
                   !coroutine ? ""
                   : twin     ? " in coroutine "
                              : "in coroutine ",
                   coroutine ? coroutine->function : "", coroutine ? "()" : "");
    return buffer;
}

/* For exactly this call: its twin; else a thread that may block. */
static char *remedy_of(const struct async_twin *twin, const char *place)
{
    const char *at = place[0] ? ": " : "";

    if (twin->twin)
        return words_format("%s instead of %s%s%s", twin->twin, twin->library, at, place);
    return words_format("%s for %s, which has no asynchronous twin%s%s", twin->without, twin->library, at, place);
}

/* CA3101: a call inside the event loop blocks it, and with it every other task. */
int find_blocking_call_in_loop(const struct finding_context *c, struct finding_list *list)
{
    double share = finding_metric(c, METRIC_LOOP_BLOCKED_SHARE);
    const struct site *site = finding_largest(c->m, blocks_in_loop);
    const struct async_twin *twin = site ? async_twin_of_site(c->m, site) : NULL;
    const struct frame *coroutine = site ? finding_coroutine(site) : NULL;
    uint64_t blocked_ns = 0, count = 0;
    char total[WORDS_NUMBER], stall[FINDING_STALL], call[CALL], place[FINDING_PLACE];
    int r;

    if (share < 0.05)
        return 0;
    for (size_t i = 0; i < c->lanes->n; i++) {
        const struct event_loop *loop = c->lanes->items[i].loop;

        if (!loop)
            continue;
        blocked_ns += loop->blocked_in_turn_ns;
        count += loop->blocked_in_turn_count;
    }
    r = finding_add(list, c,
                    (struct finding){.id = 3101,
                                     .severity = finding_severity(share),
                                     .time_ns = blocked_ns,
                                     .share = share,
                                     .gain = finding_gain_mended(c)},
                    words_format("%llu blocking waits inside the loop, %s%s%s", (unsigned long long)count,
                                 words_ns((double)blocked_ns, total), call_of(twin, coroutine, call),
                                 finding_stall(c, stall)),
                    blocks_in_loop);
    if (r < 0 || !twin)
        return r;
    return finding_remedy(list, remedy_of(twin, finding_place(site->frames, site->n_frames, place)));
}
