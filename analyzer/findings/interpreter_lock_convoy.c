/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/findings/detect.h"

static bool waits_for_it(const struct site *site)
{
    return !site->on_cpu && site->cause == CAUSE_INTERPRETER_LOCK;
}

/* The function that burns most CPU while others wait: the innermost frame of the hottest on-CPU site. */
static const char *holder(const struct measurement *m)
{
    for (size_t i = 0; i < m->n_sites; i++)
        if (m->sites[i].on_cpu && m->sites[i].n_frames > 0)
            return m->sites[i].frames[0].function;
    return NULL;
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
    const char *function = holder(c->m);
    char text[WORDS_NUMBER];

    if (share < 0.15)
        return 0;
    return finding_add(list, c,
                       (struct finding){.id = 2001,
                                        .severity = finding_severity(share),
                                        .time_ns = c->lanes->interpreter_lock_ns,
                                        .share = share,
                                        .gain = finding_gain_of_model(c, MODEL_PROCESSES)},
                       words_format("%u threads queue %s of their time%s%s%s", waiters(c->lanes),
                                    words_share(share, text), function ? "; held by " : "", function ? function : "",
                                    function ? "()" : ""),
                       waits_for_it);
}
