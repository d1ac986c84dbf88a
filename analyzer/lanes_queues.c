/* SPDX-License-Identifier: BSD-2-Clause */
/* What hand-offs really are: locks of an interpreter, messages between processes, or waits for a sibling. */
#include "analyzer/lanes.h"

#include "base/base.h"

/* Take a wait seen in one slice out of the lane's hand-offs. @return the time it stands for */
static uint64_t take_handoff(const struct lanes *lanes, struct lane *lane, uint64_t blocked_ns)
{
    uint64_t decimation = lanes->m->loss.decimation, ns = lane->handoff_ns;

    if (blocked_ns < ns / decimation)
        ns = blocked_ns * decimation;
    lane->handoff_ns -= ns;
    lane->handoff_count -= lane->handoff_count < decimation ? lane->handoff_count : decimation;
    return ns;
}

static bool from_other_process(const struct lanes *lanes, const struct thread *t, const struct slice *s)
{
    const struct lane *waker = s->waker_tid != 0 ? lanes_find(lanes, s->waker_tid) : NULL;

    return waker && waker->thread->pid != t->pid;
}

/* A semaphore in shared memory (multiprocessing.Queue has three) is a hand-off to the kernel, and IPC to people. */
static void find_shared_semaphores(struct lanes *lanes)
{
    for (size_t i = 0; i < lanes->n; i++) {
        struct lane *lane = &lanes->items[i];

        for (size_t k = 0; k < lane->thread->n_slices; k++) {
            const struct slice *s = &lane->thread->slices[k];

            if (s->cause != CAUSE_HANDOFF || s->blocked_ns == 0 || !from_other_process(lanes, lane->thread, s))
                continue;
            lane->ipc_ns += take_handoff(lanes, lane, s->blocked_ns);
            lane->ipc_count += lanes->m->loss.decimation;
        }
    }
}

/* One wait for another thread at one futex. */
struct queueing {
    int32_t pid;
    int32_t tid;
    int32_t waker_tid;
    uint64_t address;
    uint64_t blocked_ns;
    struct lane *lane;
};

static int compare_queueing(const void *a, const void *b)
{
    const struct queueing *x = a, *y = b;

    if (x->pid != y->pid)
        return x->pid < y->pid ? -1 : 1;
    if (x->address != y->address)
        return x->address < y->address ? -1 : 1;
    return (x->tid > y->tid) - (x->tid < y->tid);
}

static bool waits_here(const struct queueing *group, size_t n, int32_t tid)
{
    size_t low = 0, high = n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (group[middle].tid < tid)
            low = middle + 1;
        else
            high = middle;
    }
    return low < n && group[low].tid == tid;
}

static int collect_queueing(struct lanes *lanes, struct queueing **ret, size_t *ret_n)
{
    AUTO_FREE struct queueing *list = NULL;
    size_t n = 0, capacity = 0;

    for (size_t i = 0; i < lanes->n; i++) {
        const struct thread *t = lanes->items[i].thread;

        for (size_t k = 0; k < t->n_slices; k++) {
            const struct slice *s = &t->slices[k];

            if (s->cause != CAUSE_HANDOFF || s->address == 0 || s->blocked_ns == 0 || from_other_process(lanes, t, s))
                continue;
            if (base_grow(&list, &capacity, n + 1, sizeof(*list)) < 0)
                return -ENOMEM;
            list[n++] = (struct queueing){t->pid, t->tid, s->waker_tid, s->address, s->blocked_ns, &lanes->items[i]};
        }
    }
    *ret = TAKE_PTR(list);
    *ret_n = n;
    return 0;
}

/*
 * A pool's workers wait for its producer, which never waits there. SimpleQueue's workers wake each other besides, only
 * to find the queue empty: so many ends by the producer, a quarter and more, mean a queue.
 */
static bool is_fed(const struct queueing *group, size_t n)
{
    size_t fed = 0, known = 0;

    for (size_t i = 0; i < n; i++) {
        known += group[i].waker_tid != 0;
        fed += group[i].waker_tid != 0 && !waits_here(group, n, group[i].waker_tid);
    }
    return fed > 0 && 4 * fed >= known;
}

/*
 * threading.Lock waits on a semaphore, so to the kernel it is a hand-off like any queue. It is a lock where the waiters
 * wake each other: who ends a wait at an address waits there itself at other times. A parked pool worker is woken by a
 * producer that never waits there. Only interpreters need this: native mutexes are told apart by the futex operation.
 * Where the interpreter lock could not be located, its own waits would look the same: then nothing is claimed.
 */
static int find_lock_objects(struct lanes *lanes)
{
    AUTO_FREE struct queueing *list = NULL;
    size_t n = 0;
    int r;

    if (lanes->m->target.runtime.interpreter_lock != INTERPRETER_LOCK_PRESENT)
        return 0;
    r = collect_queueing(lanes, &list, &n);
    if (r < 0 || n == 0)
        return r;
    qsort(list, n, sizeof(*list), compare_queueing);
    for (size_t first = 0, end; first < n; first = end) {
        for (end = first + 1; end < n && list[end].pid == list[first].pid && list[end].address == list[first].address;)
            end++;
        if (list[first].tid == list[end - 1].tid || is_fed(list + first, end - first))
            continue;
        for (size_t i = first; i < end; i++) {
            struct lane *lane = list[i].lane;
            if (list[i].waker_tid == 0 || !waits_here(list + first, end - first, list[i].waker_tid))
                continue;
            lane->lock_ns += take_handoff(lanes, lane, list[i].blocked_ns);
        }
    }
    return 0;
}

int lanes_sort_handoffs(struct lanes *lanes)
{
    find_shared_semaphores(lanes);
    return find_lock_objects(lanes);
}
