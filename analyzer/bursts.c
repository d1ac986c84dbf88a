/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/bursts.h"

#include "analyzer/timeline.h"
#include "base/base.h"
#include "probe/measurement.h"

/* A thread that looks whether the lock is free runs for a few microseconds. */
#define BURST_NS (200 * NSEC_PER_USEC)

/* Bursts of the thread itself that are stepped over at most. */
#define LOOK_BACK 64

struct burst {
    int32_t pid;
    uint64_t start_ns;
    size_t thread;
    size_t slice;
};

struct bursts {
    const struct measurement *m;
    const struct timeline *timelines;
    struct burst *items; /* by process, then start */
    size_t n;
};

static int by_start(const void *left, const void *right)
{
    const struct burst *a = left, *b = right;

    if (a->pid != b->pid)
        return a->pid < b->pid ? -1 : 1;
    if (a->start_ns != b->start_ns)
        return a->start_ns < b->start_ns ? -1 : 1;
    return a->thread < b->thread ? -1 : a->thread > b->thread;
}

/* Only processes whose threads wait for an interpreter lock need any. */
static bool counts(const struct measurement *m, const struct slice *slice)
{
    return slice->on_cpu_ns >= BURST_NS && m->blocked_ns[CAUSE_INTERPRETER_LOCK] > 0;
}

int bursts_new(const struct measurement *m, const struct timeline *timelines, const uint64_t *late_ns,
               struct bursts **ret_bursts)
{
    CLEANUP(bursts_freep) struct bursts *bursts = calloc(1, sizeof(*bursts));
    size_t n = 0;

    if (!bursts)
        return -ENOMEM;
    bursts->m = m;
    bursts->timelines = timelines;
    for (size_t i = 0; i < m->n_threads; i++)
        for (size_t k = 0; k < m->threads[i].n_slices; k++)
            n += counts(m, &m->threads[i].slices[k]);
    bursts->items = calloc(n + 1, sizeof(*bursts->items));
    if (!bursts->items)
        return -ENOMEM;
    for (size_t i = 0; i < m->n_threads; i++)
        for (size_t k = 0; k < m->threads[i].n_slices; k++)
            if (counts(m, &m->threads[i].slices[k]))
                bursts->items[bursts->n++] =
                    (struct burst){m->threads[i].pid, timelines[i].start_ns[k] + late_ns[i], i, k};
    qsort(bursts->items, bursts->n, sizeof(*bursts->items), by_start);
    *ret_bursts = TAKE_PTR(bursts);
    return 0;
}

void bursts_free(struct bursts *bursts)
{
    if (!bursts)
        return;
    free(bursts->items);
    free(bursts);
}

void bursts_freep(struct bursts **bursts)
{
    bursts_free(*bursts);
    *bursts = NULL;
}

/* How many bursts lie before that moment, those of lower processes included. */
static size_t count_before(const struct bursts *bursts, int32_t pid, uint64_t at_ns)
{
    size_t low = 0, high = bursts->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct burst *b = &bursts->items[middle];

        if (b->pid < pid || (b->pid == pid && b->start_ns < at_ns))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool bursts_before(const struct bursts *bursts, size_t thread, uint64_t at_ns, uint64_t since_ns,
                   struct burst_found *ret_found)
{
    int32_t pid = bursts->m->threads[thread].pid;
    size_t end = count_before(bursts, pid, at_ns);

    for (size_t i = end; i > 0 && end - i < LOOK_BACK && bursts->items[i - 1].pid == pid; i--) {
        const struct burst *b = &bursts->items[i - 1];
        const struct timeline *t = &bursts->timelines[b->thread];
        const struct slice *s = &t->thread->slices[b->slice];
        uint64_t most = t->start_ns[b->slice + 1] - t->start_ns[b->slice];

        if (s->on_cpu_ns < most && s->runnable_ns < most - s->on_cpu_ns)
            most = s->on_cpu_ns + s->runnable_ns;
        if (b->thread == thread)
            continue;
        if (b->start_ns + most <= since_ns)
            return false;
        *ret_found = (struct burst_found){b->thread, b->slice, b->start_ns, b->start_ns + most};
        return true;
    }
    return false;
}
