/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/findings/detect.h"

static bool waits_for_it(const struct site *site)
{
    return !site->on_cpu && site->cause == CAUSE_INTERPRETER_LOCK;
}

static bool is_on_cpu(const struct site *site)
{
    return site->on_cpu;
}

/* Who held it, as seen; else who burns most CPU while others wait: in an interpreter that is nearly the same. */
static const char *holder(const struct finding_context *c, char buffer[static FINDING_HELD])
{
    const struct site *hottest = finding_largest(c->m, is_on_cpu);
    char place[FINDING_PLACE];

    if (finding_held_by(c, CAUSE_INTERPRETER_LOCK, buffer)[0] || !hottest)
        return buffer;
    if (finding_place(hottest->frames, hottest->n_frames, place)[0])
        (void)snprintf(buffer, FINDING_HELD, "; most CPU in %s", place);
    return buffer;
}

static unsigned waiters(const struct lanes *lanes)
{
    unsigned n = 0;

    for (size_t i = 0; i < lanes->n; i++)
        n += lanes->items[i].substantial &&
             lanes->items[i].thread->blocked_ns[CAUSE_INTERPRETER_LOCK] >= lanes->items[i].busy_ns / 20;
    return n;
}

/* CA2001: threads queue for the interpreter lock. */
int find_interpreter_lock_convoy(const struct finding_context *c, struct finding_list *list)
{
    double share = finding_metric(c, METRIC_GIL_WAIT_SHARE);
    unsigned n = waiters(c->lanes);
    char text[WORDS_NUMBER], time[WORDS_NUMBER], held[FINDING_HELD];

    if (share < 0.15)
        return 0;
    return finding_add(list, c,
                       (struct finding){.id = 2001,
                                        .severity = finding_severity(share),
                                        .time_ns = c->lanes->interpreter_lock_ns,
                                        .share = share,
                                        .gain = finding_gain_of_model(c, MODEL_PROCESSES)},
                       words_format("%u %s %s of %s time, %s in all%s", n, n == 1 ? "thread queues" : "threads queue",
                                    words_share(share, text), n == 1 ? "its" : "their",
                                    words_ns((double)c->lanes->interpreter_lock_ns, time), holder(c, held)),
                       waits_for_it);
}
