/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/lanes.h"

#include "base/base.h"

/* Something begins (+1) or ends (-1). */
struct edge {
    uint64_t at_ns;
    int step;
};

static int compare_edge(const void *a, const void *b)
{
    const struct edge *x = a, *y = b;

    if (x->at_ns != y->at_ns)
        return x->at_ns < y->at_ns ? -1 : 1;
    return x->step - y->step; /* an end before a beginning: back to back is not at once */
}

static uint32_t peak_of(struct edge *edges, size_t n)
{
    int32_t now = 0, peak = 0;

    qsort(edges, n, sizeof(*edges), compare_edge);
    for (size_t i = 0; i < n; i++) {
        now += edges[i].step;
        if (now > peak)
            peak = now;
    }
    return (uint32_t)peak;
}

uint32_t lanes_peak(const struct lanes *lanes, bool (*want)(const struct lane *lane))
{
    AUTO_FREE struct edge *edges = calloc(2 * lanes->n + 1, sizeof(*edges));
    size_t n = 0;

    if (!edges)
        return 0;
    for (size_t i = 0; i < lanes->n; i++) {
        if (!want(&lanes->items[i]))
            continue;
        edges[n++] = (struct edge){lanes->items[i].thread->birth_ns, 1};
        edges[n++] = (struct edge){lanes->items[i].thread->death_ns, -1};
    }
    return peak_of(edges, n);
}

static int compare_lane_process(const void *a, const void *b)
{
    const struct lane *x = *(const struct lane *const *)a, *y = *(const struct lane *const *)b;

    return (x->thread->pid > y->thread->pid) - (x->thread->pid < y->thread->pid);
}

uint32_t lanes_peak_processes(const struct lanes *lanes, bool (*want)(const struct lane *lane))
{
    AUTO_FREE struct edge *edges = calloc(2 * lanes->n + 1, sizeof(*edges));
    AUTO_FREE const struct lane **wanted = calloc(lanes->n + 1, sizeof(*wanted));
    size_t n = 0, n_wanted = 0;

    if (!edges || !wanted)
        return 0;
    for (size_t i = 0; i < lanes->n; i++)
        if (want(&lanes->items[i]))
            wanted[n_wanted++] = &lanes->items[i];
    qsort(wanted, n_wanted, sizeof(*wanted), compare_lane_process);
    for (size_t first = 0, end; first < n_wanted; first = end) {
        uint64_t birth_ns = UINT64_MAX, death_ns = 0;

        for (end = first; end < n_wanted && wanted[end]->thread->pid == wanted[first]->thread->pid; end++) {
            const struct thread *t = wanted[end]->thread;

            birth_ns = t->birth_ns < birth_ns ? t->birth_ns : birth_ns;
            death_ns = t->death_ns > death_ns ? t->death_ns : death_ns;
        }
        edges[n++] = (struct edge){birth_ns, 1};
        edges[n++] = (struct edge){death_ns, -1};
    }
    return peak_of(edges, n);
}
