/* SPDX-License-Identifier: BSD-2-Clause */

/* Parts of a measurement that follow from the waits: time with any outside wait, and the futexes queued on. */

#include "base/base.h"
#include "probe/assemble/assemble_parts.h"
#include "probe/follow/collector.h"
#include "probe/measurement.h"

struct interval {
    uint64_t begin, end;
};

static int by_begin(const void *left, const void *right)
{
    const struct interval *a = left, *b = right;

    return (a->begin > b->begin) - (a->begin < b->begin);
}

static bool is_external(enum cause cause)
{
    return cause == CAUSE_NETWORK || cause == CAUSE_DISK || cause == CAUSE_PIPE || cause == CAUSE_SLEEP;
}

static size_t collect_intervals(const struct collector *c, struct interval *intervals)
{
    size_t n = 0;

    for (size_t i = 0; i < c->state.n_threads; i++) {
        const struct run_thread *thread = &c->state.threads[i];
        const struct run_process *process = run_state_find_process(&c->state, thread->tgid);
        struct wait_context context = assemble_context(process, false);

        for (size_t k = 0; k < thread->n_slices; k++) {
            const struct run_slice *slice = &thread->slices[k];

            if (!slice->blocked_ns || !is_external(cause_of_wait(slice->kind, &context)))
                continue;
            intervals[n++] = (struct interval){slice->time - slice->blocked_ns, slice->time};
        }
    }
    return n;
}

int assemble_external_union(const struct collector *c, struct measurement *m)
{
    AUTO_FREE struct interval *intervals = calloc(c->state.slices ? c->state.slices : 1, sizeof(*intervals));
    uint64_t covered = 0;
    size_t n;

    if (!intervals)
        return -ENOMEM;
    n = collect_intervals(c, intervals);
    qsort(intervals, n, sizeof(*intervals), by_begin);
    for (size_t i = 0; i < n; i++) {
        uint64_t begin = intervals[i].begin > covered ? intervals[i].begin : covered;

        if (intervals[i].end <= begin)
            continue;
        m->external_wait_union_ns += intervals[i].end - begin;
        covered = intervals[i].end;
    }
    if (m->external_wait_union_ns > m->wall_ns)
        m->external_wait_union_ns = m->wall_ns;
    return 0;
}

static int by_futex(const void *left, const void *right)
{
    const struct wire_futex *a = left, *b = right;

    if (a->value.tgid != b->value.tgid)
        return a->value.tgid < b->value.tgid ? -1 : 1;
    return (a->key.address > b->key.address) - (a->key.address < b->key.address);
}

static int by_wait(const void *left, const void *right)
{
    const struct lock_site *a = left, *b = right;

    return (a->wait_ns < b->wait_ns) - (a->wait_ns > b->wait_ns);
}

#define LOCKS_KEPT 64

/* Futexes of all threads, added up by process and address; joins are no locks. */
int assemble_locks(const struct collector *c, struct measurement *m)
{
    size_t n = c->n_futexes;
    AUTO_FREE struct wire_futex *sorted = calloc(n ? n : 1, sizeof(*sorted));
    AUTO_FREE struct lock_site *locks = calloc(n ? n : 1, sizeof(*locks));
    size_t kept = 0;

    if (!sorted || !locks)
        return -ENOMEM;
    if (n)
        memcpy(sorted, c->futexes, n * sizeof(*sorted));
    qsort(sorted, n, sizeof(*sorted), by_futex);
    for (size_t i = 0; i < n; i++) {
        const struct run_process *process = run_state_find_process(&c->state, sorted[i].value.tgid);
        struct wait_context context =
            assemble_context(process, run_state_is_interpreter_lock(process, (uint32_t)sorted[i].key.address));
        enum cause cause = cause_of_wait(sorted[i].key.kind, &context);
        struct lock_site *lock = kept ? &locks[kept - 1] : NULL;

        if (cause == CAUSE_JOIN || cause == CAUSE_COUNT)
            continue;
        if (!lock || lock->pid != (int32_t)sorted[i].value.tgid || lock->address != sorted[i].key.address) {
            lock = &locks[kept++];
            lock->pid = (int32_t)sorted[i].value.tgid;
            lock->address = sorted[i].key.address;
            lock->cause = cause;
        }
        lock->wait_ns += sorted[i].value.wait_ns;
        lock->waits += sorted[i].value.waits;
        lock->waiters++;
    }
    qsort(locks, kept, sizeof(*locks), by_wait);
    m->n_locks = kept < LOCKS_KEPT ? kept : LOCKS_KEPT;
    m->locks = TAKE_PTR(locks);
    return 0;
}
