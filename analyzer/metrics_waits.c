/* SPDX-License-Identifier: BSD-2-Clause */
/* Metrics of external waits: how many that matter, how many at once, what the CPU does between them. */
#include "analyzer/metrics.h"

#include <math.h>

#include "analyzer/async_twins.h"
#include "analyzer/external.h"
#include "analyzer/lanes.h"
#include "base/base.h"
#include "probe/measurement.h"

/* Waits above this are taken for the program's own; shorter ones are pages read from disk and the like. */
#define REAL_WAIT_NS NSEC_PER_MSEC

static int compare_descending(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x < y) - (x > y);
}

/* External waits found in the slices of lanes that really wait. @return their number; *ret_list may be NULL then */
static size_t collect_waits(const struct lanes *lanes, uint64_t **ret_list, double *ret_sum)
{
    uint64_t *list = NULL;
    size_t n = 0, capacity = 0;

    *ret_sum = 0.0;
    for (size_t i = 0; i < lanes->n; i++) {
        const struct thread *t = lanes->items[i].thread;

        for (size_t k = 0; lanes->items[i].external_ns > 0 && k < t->n_slices; k++) {
            if (!cause_is_external(t->slices[k].cause) || t->slices[k].blocked_ns == 0)
                continue;
            if (base_grow(&list, &capacity, n + 1, sizeof(*list)) < 0)
                break;
            list[n++] = t->slices[k].blocked_ns;
            *ret_sum += (double)t->slices[k].blocked_ns;
        }
    }
    *ret_list = list;
    return n;
}

/*
 * The waits that make up 95 % of the external wait time: a request is one long wait and some crumbs, and only the long
 * ones could be overlapped. Falls back to the plain count where the slices do not tell.
 */
static double count_waits_that_matter(const struct measurement *m, const struct lanes *lanes)
{
    AUTO_FREE uint64_t *list = NULL;
    double decimation = m->loss.decimation > 1 ? m->loss.decimation : 1.0;
    double sum, seen = 0.0;
    size_t n = collect_waits(lanes, &list, &sum), i = 0;

    if (n == 0 || sum * decimation < 0.5 * (double)lanes->external_ns)
        return (double)lanes->external_count;
    qsort(list, n, sizeof(*list), compare_descending);
    while (i < n && seen < 0.95 * sum)
        seen += (double)list[i++];
    return (double)i * decimation;
}

/* When the first real external wait began, counted from the start of the run; wall_ns when there is none. */
static uint64_t first_wait_ns(const struct measurement *m, const struct lanes *lanes)
{
    uint64_t first = m->wall_ns;

    for (size_t i = 0; i < lanes->n; i++) {
        const struct thread *t = lanes->items[i].thread;
        uint64_t at = t->birth_ns;

        for (size_t k = 0; lanes->items[i].external_ns > 0 && k < t->n_slices && at < first; k++) {
            const struct slice *s = &t->slices[k];

            at += s->on_cpu_ns;
            if (cause_is_external(s->cause) && s->cause != CAUSE_DISK && s->blocked_ns >= REAL_WAIT_NS && at < first)
                first = at;
            at += s->runnable_ns + s->blocked_ns;
        }
    }
    return first;
}

static uint64_t cpu_before(const struct lanes *lanes, uint64_t until_ns)
{
    uint64_t cpu = 0;

    for (size_t i = 0; i < lanes->n; i++) {
        const struct thread *t = lanes->items[i].thread;
        uint64_t at = t->birth_ns;

        for (size_t k = 0; k < t->n_slices && at < until_ns; k++) {
            const struct slice *s = &t->slices[k];

            cpu += s->on_cpu_ns < until_ns - at ? s->on_cpu_ns : until_ns - at;
            at += s->on_cpu_ns + s->runnable_ns + s->blocked_ns;
        }
    }
    return cpu;
}

/* Run-queue wait of the one lane that does the work; 0 where several do: then it is no part of the wall time. */
static double queued_alone(const struct lanes *lanes)
{
    double queued = 0.0;
    size_t n = 0;

    for (size_t i = 0; i < lanes->n; i++) {
        if (!lanes->items[i].substantial)
            continue;
        queued = (double)lanes->items[i].thread->runnable_ns;
        n++;
    }
    return n == 1 ? queued : 0.0;
}

/* CPU time per wall time after start-up (imports), which no model shortens. */
static double work_cpu_share(const struct measurement *m, const struct lanes *lanes)
{
    uint64_t from = first_wait_ns(m, lanes), before;
    double queued = queued_alone(lanes);

    /* With slices left out their times don't add up to a clock. */
    if (from >= m->wall_ns || m->loss.decimation > 1)
        return metrics_share((double)lanes->on_cpu_ns, (double)m->wall_ns - queued);
    before = cpu_before(lanes, from);
    if (before > lanes->on_cpu_ns)
        before = lanes->on_cpu_ns;
    return metrics_share((double)(lanes->on_cpu_ns - before), fmax((double)(m->wall_ns - from) - queued, 1.0));
}

static double concurrency(const struct measurement *m, const struct lanes *lanes)
{
    double wall_of_waits = (double)m->external_wait_union_ns;
    double most = 0.0;

    if (lanes->external_ns == 0)
        return 0.0;
    /* A probe that can't tell the union: the waits then fill the run at most. */
    if (wall_of_waits <= 0.0)
        wall_of_waits = fmin((double)lanes->external_ns, (double)m->wall_ns);
    most = metrics_share((double)lanes->external_ns, wall_of_waits);
    for (size_t i = 0; i < lanes->n; i++)
        if (lanes->items[i].loop && lanes->items[i].substantial)
            most = fmax(most, lanes->items[i].loop->outstanding_mean + lanes->items[i].loop->sleepers_mean);
    return most;
}

void metrics_add_waits(const struct measurement *m, const struct lanes *lanes, struct metrics *metrics)
{
    double *v = metrics->value;
    double external = (double)lanes->external_ns;

    v[METRIC_EXTERNAL_WAIT_SHARE] = metrics_share(external, (double)lanes->work_ns);
    v[METRIC_EXTERNAL_WAITS] = count_waits_that_matter(m, lanes);
    v[METRIC_EXTERNAL_WAIT_MEAN_NS] = metrics_share(external, v[METRIC_EXTERNAL_WAITS]);
    v[METRIC_EXTERNAL_CONCURRENCY] = concurrency(m, lanes);
    v[METRIC_WORK_CPU_SHARE] = work_cpu_share(m, lanes);
    v[METRIC_ASYNC_LIBRARY_AT_HAND] = async_twin_at_hand(m);
}
