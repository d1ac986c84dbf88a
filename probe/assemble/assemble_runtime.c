/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What the kernel side can't know about a wait, but the runtime's habits tell: parked workers, timers that are waits on
 * a condition variable, libuv's pool.
 */

#include "base/base.h"
#include "probe/assemble/assemble_parts.h"
#include "probe/bpf/abi.h"
#include "probe/follow/collector.h"
#include "probe/measurement.h"
#include "probe/runtime/detect.h"

#define POOL_CONDITION 64 /* a condition variable's futex words lie within so many bytes */

static enum runtime_kind runtime_of(const struct run_process *process)
{
    return process && process->image ? process->image->runtime.kind : RUNTIME_NATIVE;
}

/* --- libuv's pool: node keeps the condition variable that idle workers wait on in its .bss (FACTS 3) --- */

static bool is_condition_of_node(const struct collector *c, const struct wire_futex *futex)
{
    return futex->key.kind == WAIT_FUTEX_OTHER &&
           runtime_of(run_state_find_process(&c->state, futex->value.tgid)) == RUNTIME_NODE;
}

static bool is_static(const struct collector *c, const struct wire_futex *futex)
{
    const struct image *image = run_state_find_process(&c->state, futex->value.tgid)->image;

    return futex->key.address >= image->data_start && futex->key.address < image->data_end;
}

static int by_place(const void *left, const void *right)
{
    const struct wire_futex *a = left, *b = right;

    if (a->value.tgid != b->value.tgid)
        return a->value.tgid < b->value.tgid ? -1 : 1;
    return (a->key.address > b->key.address) - (a->key.address < b->key.address);
}

/*
 * Threads that wait on one condition variable, two and more: libuv's pool where that is static (its neighbours have one
 * waiter each), else V8's platform workers. A worker thread of the program waits in its own loop, or for itself.
 */
static void mark_pool(struct collector *c, const struct wire_futex *group, size_t n)
{
    size_t threads = 0;

    for (size_t i = 0; i < n; i++) {
        bool seen = false;

        for (size_t k = 0; k < i && !seen; k++)
            seen = group[k].key.tid == group[i].key.tid;
        threads += !seen;
    }
    for (size_t i = 0; threads >= 2 && i < n; i++) {
        struct run_thread *thread = run_state_find_thread(&c->state, group[i].key.tid);

        if (!thread || thread->tgid != group[i].value.tgid || thread->tid == thread->tgid)
            continue;
        if (is_static(c, &group[0]))
            thread->pool_futex = (uint32_t)group[0].key.address;
        thread->pool_idle_ns += group[i].value.wait_ns;
        thread->pool_idle_count += group[i].value.waits;
    }
}

int assemble_pools(struct collector *c)
{
    AUTO_FREE struct wire_futex *found = calloc(c->n_futexes ? c->n_futexes : 1, sizeof(*found));
    size_t n = 0;

    if (!found)
        return -ENOMEM;
    for (size_t i = 0; i < c->n_futexes; i++)
        if (is_condition_of_node(c, &c->futexes[i]))
            found[n++] = c->futexes[i];
    qsort(found, n, sizeof(*found), by_place);
    for (size_t first = 0, next; first < n; first = next) {
        for (next = first + 1; next < n && found[next].value.tgid == found[first].value.tgid &&
                               found[next].key.address - found[first].key.address < POOL_CONDITION;)
            next++;
        mark_pool(c, found + first, next - first);
    }
    return 0;
}

static bool is_pool_idle(const struct run_thread *thread, const struct run_slice *slice)
{
    return thread->pool_futex && slice->kind == WAIT_FUTEX_OTHER && slice->blocked_ns &&
           slice->address_low - thread->pool_futex < POOL_CONDITION;
}

struct step {
    uint64_t time;
    int change; /* of the number of workers that are there and not idle */
};

static int by_time(const void *left, const void *right)
{
    const struct step *a = left, *b = right;

    return (a->time > b->time) - (a->time < b->time);
}

/* A worker is busy from its birth to its death, but for its waits on the pool's condition variable. */
static size_t add_worker(const struct run_thread *thread, uint64_t end, struct step *steps)
{
    size_t n = 0;

    steps[n++] = (struct step){thread->account.birth, 1};
    for (size_t i = 0; i < thread->n_slices; i++) {
        const struct run_slice *slice = &thread->slices[i];

        if (!is_pool_idle(thread, slice))
            continue;
        steps[n++] = (struct step){slice->time - slice->blocked_ns, -1};
        steps[n++] = (struct step){slice->time, 1};
    }
    /* A wait that goes on at the end has no slice: from the last one on there was little more than that. */
    end = thread->n_slices ? thread->slices[thread->n_slices - 1].time : thread->account.birth;
    steps[n++] = (struct step){end, -1};
    return n;
}

int assemble_pool(const struct collector *c, struct event_loop *loop)
{
    AUTO_FREE struct step *steps = NULL;
    size_t room = 0, n = 0;
    uint64_t since = 0;
    int busy = 0;

    for (size_t i = 0; i < c->state.n_threads; i++) {
        const struct run_thread *thread = &c->state.threads[i];

        if (!thread->pool_futex || thread->tgid != (uint32_t)loop->pid)
            continue;
        loop->pool_threads++;
        room += 2 * thread->n_slices + 2;
    }
    steps = calloc(room ? room : 1, sizeof(*steps));
    if (!steps)
        return -ENOMEM;
    for (size_t i = 0; i < c->state.n_threads; i++)
        if (c->state.threads[i].pool_futex && c->state.threads[i].tgid == (uint32_t)loop->pid)
            n += add_worker(&c->state.threads[i], c->final.end_ns, steps + n);
    qsort(steps, n, sizeof(*steps), by_time);
    for (size_t i = 0; i < n; i++) {
        if (busy == (int)loop->pool_threads)
            loop->pool_full_ns += steps[i].time - since;
        busy += steps[i].change;
        since = steps[i].time;
    }
    return 0;
}

/* --- causes --- */

static void move(struct thread *thread, enum cause from, enum cause to, uint64_t ns, uint64_t count)
{
    if (ns > thread->blocked_ns[from])
        ns = thread->blocked_ns[from];
    if (count > thread->blocked_count[from])
        count = thread->blocked_count[from];
    thread->blocked_ns[from] -= ns;
    thread->blocked_count[from] -= count;
    thread->blocked_ns[to] += ns;
    thread->blocked_count[to] += count;
}

static void name_pool_waits(const struct run_thread *from, struct thread *to)
{
    for (size_t i = 0; i < from->n_slices && i < to->n_slices; i++)
        if ((is_pool_idle(from, &from->slices[i])) && to->slices[i].cause == CAUSE_HANDOFF)
            to->slices[i].cause = CAUSE_IDLE;
    move(to, CAUSE_HANDOFF, CAUSE_IDLE, from->pool_idle_ns, from->pool_idle_count);
}

static void rename_all(struct thread *thread, enum cause from, enum cause to)
{
    for (size_t i = 0; i < thread->n_slices; i++)
        if (thread->slices[i].cause == from)
            thread->slices[i].cause = to;
    move(thread, from, to, UINT64_MAX, UINT64_MAX);
}

/* A worker of an executor that did next to nothing: parked, whatever it was that woke it now and then. */
static bool is_parked_worker(const struct thread *thread, uint64_t lifetime)
{
    return thread->tid != thread->pid && thread->blocked_ns[CAUSE_HANDOFF] >= lifetime / 100 * 95 &&
           thread->on_cpu_ns < lifetime / 100;
}

/* A selector that was never, or hardly ever, given anything: a runtime's own helper. */
static bool is_quiet_poller(const struct run_thread *from, const struct thread *thread, uint64_t lifetime)
{
    uint64_t ns = 0, count = 0;

    for (unsigned int kind = WAIT_EPOLL_TIMEOUT; kind <= WAIT_EPOLL_OUTSIDE; kind++) {
        ns += from->account.blocked_ns[kind];
        count += from->account.blocked_count[kind];
    }
    return thread->tid != thread->pid && count <= 2 && ns >= lifetime / 100 * 99 &&
           from->account.on_cpu_ns < NSEC_PER_MSEC;
}

void assemble_runtime_waits(const struct run_thread *from, const struct run_process *process, struct thread *to)
{
    uint64_t lifetime = to->death_ns - to->birth_ns;
    enum runtime_kind runtime = runtime_of(process);

    if (from->pool_idle_ns)
        name_pool_waits(from, to);
    if ((runtime == RUNTIME_JVM || runtime == RUNTIME_NODE) && is_parked_worker(to, lifetime))
        rename_all(to, CAUSE_HANDOFF, CAUSE_IDLE);
    /* A collector or compiler that waits has nothing to do; its timer is nothing that the program asked for. */
    if (to->runtime_internal && runtime != RUNTIME_NATIVE) {
        rename_all(to, CAUSE_HANDOFF, CAUSE_IDLE);
        rename_all(to, CAUSE_SLEEP, CAUSE_IDLE);
    }
    if (is_quiet_poller(from, to, lifetime)) {
        rename_all(to, CAUSE_NETWORK, CAUSE_IDLE);
        rename_all(to, CAUSE_HANDOFF, CAUSE_IDLE);
    }
}

/* Node: V8's platform workers bear node's name, too. They share a condition variable for most of their life. */
bool assemble_is_helper(const struct run_thread *thread, const struct run_process *process)
{
    uint64_t blocked_ns = 0, turns = 0;

    for (unsigned int kind = 0; kind < WAIT_KIND_COUNT; kind++) {
        blocked_ns += thread->account.blocked_ns[kind];
        turns += cause_is_epoll(kind) ? thread->account.blocked_count[kind] : 0;
    }
    return runtime_of(process) == RUNTIME_NODE && thread->tid != thread->tgid && !thread->pool_futex && turns == 0 &&
           thread->pool_idle_ns && thread->pool_idle_ns >= blocked_ns / 2;
}

int assemble_runtime_notes(struct measurement *m)
{
    int r = 0;

    if (m->target.runtime.kind == RUNTIME_GO)
        r = measurement_note(m, "Go parks goroutines without the kernel: what a goroutine waits for, a channel, a "
                                "mutex, a timer, is not in these numbers; threads without a goroutine count as idle.");
    if (r == 0 && m->target.runtime.interpreters > 1)
        r = measurement_note(m, "The program runs several Python interpreters in one process; stacks and the "
                                "interpreter lock are told apart for each thread.");
    return r;
}
