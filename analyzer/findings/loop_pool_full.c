/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/findings/detect.h"

/* Below a fifth of a second a full pool is one burst. */
#define MIN_FULL_NS (200 * NSEC_PER_MSEC)

/*
 * CA3103: libuv's pool (files, name look-ups, some crypto) has no idle thread for much of the time, so that further
 * operations queue. Where all CPUs are busy it is they that are missing, not threads.
 */
int find_loop_pool_full(const struct finding_context *c, struct finding_list *list)
{
    const struct event_loop *worst = NULL;
    double share = 0.0;
    char text[WORDS_NUMBER];
    int r;

    for (size_t i = 0; i < c->lanes->n; i++) {
        const struct event_loop *loop = c->lanes->items[i].loop;
        const struct thread *t = c->lanes->items[i].thread;
        double full = loop && loop->pool_threads > 0
                          ? metrics_share((double)loop->pool_full_ns, (double)(t->death_ns - t->birth_ns))
                          : 0.0;

        if (full > share) {
            share = full;
            worst = loop;
        }
    }
    if (!worst || share < 0.3 || worst->pool_full_ns < MIN_FULL_NS)
        return 0;
    if (finding_metric(c, METRIC_MACHINE_SATURATED) != 0.0)
        return 0;
    r = finding_add(list, c,
                    (struct finding){.id = 3103,
                                     .severity = share >= 0.6 ? SEVERITY_MEDIUM : SEVERITY_LOW,
                                     .time_ns = worst->pool_full_ns,
                                     .share = share},
                    words_format("all %u threads of libuv's pool busy %s of the time", worst->pool_threads,
                                 words_share(share, text)),
                    NULL);
    if (r < 0)
        return r;
    return finding_remedy(list,
                          words_format("give libuv's pool more threads (UV_THREADPOOL_SIZE=%u, read at start), or "
                                       "ask less of it: streams for files, worker_threads for computing",
                                       4 * worst->pool_threads));
}
