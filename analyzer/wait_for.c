/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/wait_for.h"

#include "analyzer/advice.h"
#include "analyzer/thread_groups.h"
#include "analyzer/thread_index.h"
#include "base/base.h"

#define WAITS_KEPT 32

/* A row of measurement.wakers with its threads found. */
struct edge {
    const struct waker *row;
    size_t waiter; /* places in m->threads */
    size_t waker;
    size_t waiter_group;
    size_t waker_group;
};

/* All edges between two groups for one cause; edges [first, first + n). */
struct bundle {
    size_t first;
    size_t n;
    uint64_t time_ns;
    uint64_t count;
};

static int compare(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

static int by_groups(const void *left, const void *right)
{
    const struct edge *a = left, *b = right;
    int order = compare(a->waiter_group, b->waiter_group);

    if (!order)
        order = compare(a->waker_group, b->waker_group);
    if (!order)
        order = (int)a->row->cause - (int)b->row->cause;
    /* The rows are ranked: the first of a bundle has most time. */
    return order ? order : a->row < b->row ? -1 : a->row > b->row;
}

static bool same_bundle(const struct edge *a, const struct edge *b)
{
    return a->waiter_group == b->waiter_group && a->waker_group == b->waker_group && a->row->cause == b->row->cause;
}

static int by_time(const void *left, const void *right)
{
    const struct bundle *a = left, *b = right;

    return a->time_ns != b->time_ns ? compare(b->time_ns, a->time_ns) : compare(a->first, b->first);
}

static size_t collect_edges(const struct measurement *m, const struct thread_index *index,
                            const struct thread_groups *groups, struct edge *edges)
{
    size_t n = 0;

    for (size_t i = 0; i < m->n_wakers; i++) {
        const struct waker *row = &m->wakers[i];
        size_t waiter = thread_index_find(index, row->waiter_tid, m->wall_ns);
        size_t waker = thread_index_find(index, row->waker_tid, m->wall_ns);

        if (waiter != THREAD_INDEX_NONE && waker != THREAD_INDEX_NONE && row->time_ns > 0)
            edges[n++] =
                (struct edge){row, waiter, waker, thread_groups_of(groups, waiter), thread_groups_of(groups, waker)};
    }
    qsort(edges, n, sizeof(*edges), by_groups);
    return n;
}

static size_t bundle_edges(const struct edge *edges, size_t n_edges, struct bundle *bundles)
{
    size_t n = 0;

    for (size_t i = 0; i < n_edges; i++) {
        struct bundle *bundle;

        if (i == 0 || !same_bundle(&edges[i], &edges[i - 1]))
            bundles[n++] = (struct bundle){.first = i};
        bundle = &bundles[n - 1];
        bundle->n++;
        bundle->time_ns += edges[i].row->time_ns;
        bundle->count += edges[i].row->count;
    }
    qsort(bundles, n, sizeof(*bundles), by_time);
    return n;
}

static int by_place(const void *left, const void *right)
{
    return compare(*(const size_t *)left, *(const size_t *)right);
}

static int by_number(const void *left, const void *right)
{
    int32_t a = *(const int32_t *)left, b = *(const int32_t *)right;

    return a < b ? -1 : a > b;
}

/* The label of one end of a bundle: its distinct threads, in how many processes. */
static int label(const struct measurement *m, const struct thread_groups *groups, const struct edge *edges,
                 const struct bundle *bundle, bool waker, char **ret_label)
{
    AUTO_FREE size_t *threads = calloc(bundle->n, sizeof(*threads));
    AUTO_FREE int32_t *pids = calloc(bundle->n, sizeof(*pids));
    size_t n_threads = 0, n_processes = 0;

    if (!threads || !pids)
        return -ENOMEM;
    for (size_t i = 0; i < bundle->n; i++) {
        const struct edge *edge = &edges[bundle->first + i];

        threads[i] = waker ? edge->waker : edge->waiter;
        pids[i] = m->threads[threads[i]].pid;
    }
    qsort(threads, bundle->n, sizeof(*threads), by_place);
    qsort(pids, bundle->n, sizeof(*pids), by_number);
    for (size_t i = 0; i < bundle->n; i++) {
        n_threads += i == 0 || threads[i] != threads[i - 1];
        n_processes += i == 0 || pids[i] != pids[i - 1];
    }
    *ret_label = thread_groups_label(groups, waker ? edges[bundle->first].waker : edges[bundle->first].waiter,
                                     n_threads, n_processes);
    return *ret_label ? 0 : -ENOMEM;
}

/* Places come from the edge with most time that has them. */
static int fill_frames(const struct edge *edges, const struct bundle *bundle, struct wait_for *wait)
{
    for (size_t i = 0; i < bundle->n; i++) {
        const struct waker *row = edges[bundle->first + i].row;

        if (!wait->waiter_frames && row->n_waiter_frames > 0) {
            if (advice_copy_frames(row->waiter_frames, row->n_waiter_frames, &wait->waiter_frames) < 0)
                return -ENOMEM;
            wait->n_waiter_frames = row->n_waiter_frames;
        }
        if (!wait->waker_frames && row->n_waker_frames > 0) {
            if (advice_copy_frames(row->waker_frames, row->n_waker_frames, &wait->waker_frames) < 0)
                return -ENOMEM;
            wait->n_waker_frames = row->n_waker_frames;
        }
    }
    return 0;
}

static int fill_wait(const struct measurement *m, const struct thread_groups *groups, const struct edge *edges,
                     const struct bundle *bundle, struct wait_for *wait)
{
    const struct edge *first = &edges[bundle->first];
    uint64_t busy_ns = m->thread_time_ns - m->blocked_ns[CAUSE_IDLE];
    int r = label(m, groups, edges, bundle, false, &wait->waiter);

    if (r == 0)
        r = label(m, groups, edges, bundle, true, &wait->waker);
    if (r < 0)
        return r;
    wait->one_another = first->waiter_group == first->waker_group && bundle->n > 1;
    wait->cause = first->row->cause;
    wait->time_ns = bundle->time_ns;
    wait->count = bundle->count;
    wait->share = busy_ns > 0 ? (double)bundle->time_ns / (double)busy_ns : 0.0;
    return fill_frames(edges, bundle, wait);
}

static void free_waits(struct wait_for *waits, size_t n)
{
    for (size_t i = 0; i < n; i++)
        wait_for_clear(&waits[i]);
    free(waits);
}

int wait_for_fill(const struct measurement *m, const struct thread_index *index, const struct thread_groups *groups,
                  struct wait_for **ret_waits, size_t *ret_n)
{
    AUTO_FREE struct edge *edges = calloc(m->n_wakers + 1, sizeof(*edges));
    AUTO_FREE struct bundle *bundles = calloc(m->n_wakers + 1, sizeof(*bundles));
    struct wait_for *waits;
    size_t n;

    if (!edges || !bundles)
        return -ENOMEM;
    n = bundle_edges(edges, collect_edges(m, index, groups, edges), bundles);
    n = n < WAITS_KEPT ? n : WAITS_KEPT;
    waits = n > 0 ? calloc(n, sizeof(*waits)) : NULL;
    if (n > 0 && !waits)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        int r = fill_wait(m, groups, edges, &bundles[i], &waits[i]);

        if (r < 0) {
            free_waits(waits, i + 1);
            return r;
        }
    }
    *ret_waits = waits;
    *ret_n = n;
    return 0;
}
