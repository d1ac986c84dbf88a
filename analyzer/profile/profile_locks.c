/* SPDX-License-Identifier: BSD-2-Clause */
/* Which waits were for one mutex, how long it was queued for, and how much ran under it. */
#include "analyzer/profile/profile_locks.h"

#include <math.h>

#include "analyzer/profile/profile_marks.h"
#include "base/base.h"

#define QUEUE_MATTERS 0.05  /* mean lanes queued for mutexes: fewer are no matter... */
#define LOCK_MATTERS 0.01   /* ...and for one of them */
#define MAX_LOCKS 64        /* the busiest ones */
#define WAITS_IN_SECTIONS 5 /* sections whose waits are 1/5 of them are told by their waits */

static int compare_queueing(const void *a, const void *b)
{
    const struct mutex_wait *x = a, *y = b;

    if (x->address != y->address)
        return x->address < y->address ? -1 : 1;
    if (x->pid != y->pid)
        return x->pid < y->pid ? -1 : 1;
    if (x->lane != y->lane)
        return x->lane < y->lane ? -1 : 1;
    return (x->piece > y->piece) - (x->piece < y->piece);
}

static uint64_t wait_of(const struct work_lanes *lanes, const struct mutex_wait *q)
{
    return lanes->list[q->lane].pieces.list[q->piece].wait_ns;
}

static int collect(const struct measurement *m, const struct work_lanes *lanes, struct mutex_wait **ret, size_t *ret_n)
{
    bool objects = m->target.runtime.interpreter_lock == INTERPRETER_LOCK_PRESENT;
    AUTO_FREE struct mutex_wait *list = NULL;
    size_t n = 0, capacity = 0;

    for (size_t i = 0; i < lanes->count; i++) {
        const struct work_lane *lane = &lanes->list[i];

        for (size_t k = 0; k < lane->pieces.count; k++) {
            const struct piece *piece = &lane->pieces.list[k];
            uint64_t end_ns = piece->start_ns + piece->cpu_ns + piece->wait_ns;
            struct mutex_wait q = {piece->address, lane->thread->pid, i, k, SIZE_MAX, 0};

            if (!piece->wait_ns || (piece->cause != CAUSE_LOCK && (piece->cause != CAUSE_HANDOFF || !objects)))
                continue;
            if (piece->cause == CAUSE_HANDOFF && !piece->address)
                continue;
            q.waker = piece->waker_tid ? work_lanes_of_tid(lanes, piece->waker_tid, end_ns) : SIZE_MAX;
            /* A mutex in memory that processes share: its address is the same in forked siblings. */
            if (q.waker != SIZE_MAX && lanes->list[q.waker].thread->pid != q.pid)
                q.pid = 0;
            if (base_grow(&list, &capacity, n + 1, sizeof(*list)) < 0)
                return -ENOMEM;
            list[n++] = q;
        }
    }
    if (n)
        qsort(list, n, sizeof(*list), compare_queueing);
    /* pid 0 comes first: once shared, all waits at the address are for the one mutex. */
    for (size_t i = 1; i < n; i++)
        if (list[i].address == list[i - 1].address && list[i - 1].pid == 0)
            list[i].pid = 0;
    if (n)
        qsort(list, n, sizeof(*list), compare_queueing);
    *ret = TAKE_PTR(list);
    *ret_n = n;
    return 0;
}

bool mutex_waits_here(const struct mutex_wait *group, size_t n, size_t lane)
{
    size_t low = 0, high = n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (group[middle].lane < lane)
            low = middle + 1;
        else
            high = middle;
    }
    return low < n && group[low].lane == lane;
}

/*
 * A lock object of an interpreter is a semaphore to the kernel. It is a lock where those who wait wake each other; a
 * queue is fed by one who never waits there (lanes_queues.c has the same rule). Between processes the lock of a queue
 * looks like that, too: whoever has it waits for a message.
 */
static bool is_lock(const struct work_lanes *lanes, const struct mutex_wait *group, size_t n)
{
    size_t fed = 0, by_waiters = 0, messages = 0;

    if (lanes->list[group->lane].pieces.list[group->piece].cause == CAUSE_LOCK)
        return true;
    if (group[0].lane == group[n - 1].lane)
        return false;
    for (size_t i = 0; i < n; i++) {
        bool waits = group[i].waker != SIZE_MAX && mutex_waits_here(group, n, group[i].waker);

        by_waiters += waits;
        fed += !waits && lanes->list[group[i].lane].pieces.list[group[i].piece].waker_tid;
    }
    for (size_t i = 0; i < n && group->pid == 0; i++)
        if (i == 0 || group[i].lane != group[i - 1].lane)
            messages += lanes->list[group[i].lane].thread->blocked_count[CAUSE_IPC];
    return by_waiters && fed * 4 < fed + by_waiters && messages * 4 < n;
}

static int by_queue(const void *a, const void *b)
{
    const struct mutex *x = a, *y = b;

    if (x->queued_ns != y->queued_ns)
        return x->queued_ns > y->queued_ns ? -1 : 1;
    return (x->list > y->list) - (x->list < y->list);
}

/* Mutexes that were queued for long enough to matter, the busiest first. */
static int find_mutexes(const struct work_lanes *lanes, const struct mutex_wait *list, size_t n, double span_ns,
                        struct mutex **ret, size_t *ret_n)
{
    AUTO_FREE struct mutex *mutexes = NULL;
    size_t count = 0, capacity = 0, kept = 0;
    double queued_ns = 0;

    for (size_t first = 0, end; first < n; first = end) {
        struct mutex mutex = {.list = list + first};

        for (end = first; end < n && list[end].address == list[first].address && list[end].pid == list[first].pid;
             end++)
            mutex.queued_ns += wait_of(lanes, &list[end]);
        mutex.n = end - first;
        if (!is_lock(lanes, mutex.list, mutex.n))
            continue;
        queued_ns += (double)mutex.queued_ns;
        if (base_grow(&mutexes, &capacity, count + 1, sizeof(*mutexes)) < 0)
            return -ENOMEM;
        mutexes[count++] = mutex;
    }
    if (count)
        qsort(mutexes, count, sizeof(*mutexes), by_queue);
    while (kept < count && kept < MAX_LOCKS && queued_ns >= QUEUE_MATTERS * span_ns &&
           (double)mutexes[kept].queued_ns >= LOCK_MATTERS * span_ns)
        kept++;
    *ret = TAKE_PTR(mutexes);
    *ret_n = kept;
    return 0;
}

/*
 * How much more ran under the mutex than its sections show: with a queue of one or more it was never free. Where
 * sections have waits these told all of them. An owner that waits for the interpreter lock or a CPU keeps the mutex,
 * too: others run meanwhile, but not under it. So what is missing is time held, and as much of it is work as of the
 * sections.
 */
static void share_rest(struct work_lanes *lanes, const struct mutex *mutex, uint16_t lock, double span_ns)
{
    double held_ns = fmin(1.0, sqrt((double)mutex->queued_ns / span_ns)) * span_ns, rest_ns = 0;
    bool cpu_only = mutex->sections_ns > 0;

    if (mutex->sections_waits_ns * WAITS_IN_SECTIONS > mutex->sections_ns || held_ns <= (double)mutex->sections_held_ns)
        return;
    held_ns -= (double)mutex->sections_held_ns;
    if (mutex->sections_ns > 0)
        held_ns *= (double)mutex->sections_ns / (double)mutex->sections_held_ns;
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < lanes->count; i++) {
            struct work_lane *lane = &lanes->list[i];

            if (!mutex_waits_here(mutex->list, mutex->n, i) || (lane->lock && lane->lock != lock))
                continue;
            if (pass) {
                lane->lock = lock;
                lane->critical = rest_ns > held_ns ? held_ns / rest_ns : 1.0;
                lanes->by_wall |= rest_ns > held_ns;
                lane->critical_cpu = cpu_only;
                continue;
            }
            for (size_t k = 0; k < lane->pieces.count; k++) {
                const struct piece *piece = &lane->pieces.list[k];

                if (!piece->lock)
                    rest_ns += (double)(piece->cpu_ns + (!cpu_only && piece_waits_outside(piece) ? piece->wait_ns : 0));
            }
        }
}

/* When the wakers let go, where their CPU time then is known. */
static int find_releases(const struct work_lanes *lanes, struct mutex_wait *list, size_t n)
{
    AUTO_FREE struct pieces_clock *clocks = calloc(lanes->count + 1, sizeof(*clocks));
    int r = 0;

    if (!clocks)
        return -ENOMEM;
    for (size_t i = 0; i < n && r == 0; i++) {
        const struct piece *piece = &lanes->list[list[i].lane].pieces.list[list[i].piece];

        if (list[i].waker == SIZE_MAX || !piece->waker_cpu_ns || !lanes->list[list[i].waker].pieces.exact)
            continue;
        r = pieces_clock_fill(&clocks[list[i].waker], &lanes->list[list[i].waker].pieces);
        if (r == 0)
            list[i].release_ns = pieces_clock_time(&clocks[list[i].waker], piece->waker_cpu_ns);
    }
    for (size_t i = 0; i < lanes->count; i++)
        pieces_clock_clear(&clocks[i]);
    return r;
}

int work_lanes_find_locks(const struct measurement *m, struct work_lanes *lanes, struct profile *p)
{
    double span_ns = (double)(lanes->last_ns - lanes->first_ns - lanes->gaps_ns);
    AUTO_FREE struct mutex_wait *list = NULL;
    AUTO_FREE struct mutex *mutexes = NULL;
    size_t n = 0, n_mutexes = 0;
    int r;

    if (lanes->count < 2 || span_ns <= 0)
        return 0;
    r = collect(m, lanes, &list, &n);
    if (r == 0)
        r = find_releases(lanes, list, n);
    if (r == 0)
        r = find_mutexes(lanes, list, n, span_ns, &mutexes, &n_mutexes);
    if (r < 0 || !n_mutexes)
        return r;
    p->locks = calloc(n_mutexes, sizeof(*p->locks));
    if (!p->locks)
        return -ENOMEM;
    p->n_locks = (uint16_t)n_mutexes;
    for (size_t i = 0; i < n_mutexes; i++) {
        p->locks[i] = (struct profile_lock){mutexes[i].list->pid, mutexes[i].list->address};
        p->dependence.lock_waits += mutexes[i].n;
        for (size_t k = 0; k < mutexes[i].n; k++)
            lanes->list[mutexes[i].list[k].lane].pieces.list[mutexes[i].list[k].piece].queued = true;
    }
    r = mutexes_find_sections(lanes, mutexes, n_mutexes);
    for (size_t i = 0; i < n_mutexes && r == 0; i++)
        share_rest(lanes, &mutexes[i], (uint16_t)(i + 1), span_ns);
    return r;
}
