/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/lanes.h"

#include <math.h>

#include "analyzer/external.h"
#include "base/base.h"

#define MANY_TURNS 8       /* waits in epoll, from which on they are a loop */
#define SEEN_TOGETHER 0.10 /* of busy time with two or more threads on CPUs: the interpreter lock was let go */

static int compare_tid(const void *a, const void *b)
{
    const struct lane *x = *(const struct lane *const *)a, *y = *(const struct lane *const *)b;

    if (x->thread->tid != y->thread->tid)
        return x->thread->tid < y->thread->tid ? -1 : 1;
    return (x->thread->birth_ns < y->thread->birth_ns) - (x->thread->birth_ns > y->thread->birth_ns);
}

static int compare_pid(const void *a, const void *b)
{
    const struct process *x = *(const struct process *const *)a, *y = *(const struct process *const *)b;

    return (x->pid > y->pid) - (x->pid < y->pid);
}

const struct lane *lanes_find(const struct lanes *lanes, int32_t tid)
{
    size_t low = 0, high = lanes->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (lanes->by_tid[middle]->thread->tid < tid)
            low = middle + 1;
        else
            high = middle;
    }
    return low < lanes->n && lanes->by_tid[low]->thread->tid == tid ? lanes->by_tid[low] : NULL;
}

/* Of sleeps only the mean is known; of the timers that they are among, the peak, too. */
uint32_t lanes_loop_peak(const struct event_loop *loop)
{
    double sleepers = loop->sleepers_mean;

    if (loop->timers_mean > 0.0 && loop->timers_max > loop->timers_mean)
        sleepers *= loop->timers_max / loop->timers_mean;
    return loop->outstanding_max + (uint32_t)lround(sleepers);
}

/*
 * Is this a loop in the sense of "event loop"? A client that polls one socket at a time looks like one to the kernel.
 * Interpreters are known by their stacks; others must serve, or watch two peers at once. Native code that waits in
 * epoll again and again, and not for the one peer that was seen, has a loop, too: simple clients poll or receive.
 */
static bool is_real_loop(const struct measurement *m, const struct event_loop *loop, const struct process *process)
{
    if (strcmp(loop->kind, "epoll") != 0)
        return true;
    if (loop->outstanding_max >= 2)
        return true;
    if (loop->outstanding_max == 0 && loop->turns >= MANY_TURNS && m->target.runtime.kind == RUNTIME_NATIVE)
        return true;
    return process && process->listens && m->target.runtime.interpreter_lock == INTERPRETER_LOCK_NONE;
}

static bool is_short(const struct measurement *m, uint64_t birth_ns, uint64_t death_ns, bool alive)
{
    uint64_t life_ns = death_ns - birth_ns;

    return !alive && life_ns < LANES_SHORT_NS && life_ns < m->wall_ns / 4;
}

bool lanes_process_is_short(const struct measurement *m, const struct process *process)
{
    return process != m->processes && !process->launcher &&
           is_short(m, process->birth_ns, process->death_ns, process->alive);
}

static void lane_fill(const struct measurement *m, struct lane *lane, const struct thread *t)
{
    const uint64_t *blocked = t->blocked_ns, *count = t->blocked_count;

    lane->thread = t;
    lane->main = t->tid == t->pid;
    lane->short_process = lane->process && lanes_process_is_short(m, lane->process);
    lane->short_thread = !lane->main && is_short(m, t->birth_ns, t->death_ns, t->alive);
    for (int cause = 0; cause < CAUSE_COUNT; cause++) {
        if (!cause_is_external((enum cause)cause))
            continue;
        lane->external_ns += blocked[cause];
        lane->external_count += count[cause];
    }
    lane->idle_ns = blocked[CAUSE_IDLE] + blocked[CAUSE_TERMINAL] + blocked[CAUSE_STOPPED];
    lane->lock_ns = blocked[CAUSE_LOCK];
    lane->handoff_ns = blocked[CAUSE_HANDOFF];
    lane->handoff_count = count[CAUSE_HANDOFF];
    lane->ipc_ns = blocked[CAUSE_IPC];
    lane->ipc_count = count[CAUSE_IPC];
    /* A server that looks at its clock while it waits for clients is idle, not asleep. */
    if (lane->process && lane->process->listens && t->poll_ns > 0) {
        uint64_t clock_ns = t->poll_ns < blocked[CAUSE_SLEEP] ? t->poll_ns : blocked[CAUSE_SLEEP];

        lane->external_ns -= clock_ns;
        lane->idle_ns += clock_ns;
        if (clock_ns == blocked[CAUSE_SLEEP])
            lane->external_count -= count[CAUSE_SLEEP];
    }
}

static void lane_set_busy(struct lane *lane)
{
    const struct thread *t = lane->thread;

    lane->busy_ns = t->on_cpu_ns + t->runnable_ns + t->blocked_ns[CAUSE_INTERPRETER_LOCK] + lane->lock_ns +
                    lane->external_ns + t->blocked_ns[CAUSE_MEMORY] + t->blocked_ns[CAUSE_OTHER];
}

static bool looks_like_ticker(const struct lane *lane)
{
    const struct thread *t = lane->thread;
    uint64_t life_ns = t->death_ns - t->birth_ns;
    uint64_t waits_ns = t->blocked_ns[CAUSE_SLEEP] + t->blocked_ns[CAUSE_IDLE];

    return t->blocked_ns[CAUSE_SLEEP] > 0 && (double)waits_ns >= 0.95 * (double)life_ns &&
           (double)t->on_cpu_ns <= 0.005 * (double)life_ns;
}

/* A single lane that only sleeps, beside others that are busy for at least half of its time, does not wait for them. */
static void lanes_find_ticker(struct lanes *lanes)
{
    struct lane *ticker = NULL;
    uint64_t others_ns = 0;

    for (size_t i = 0; i < lanes->n; i++) {
        struct lane *lane = &lanes->items[i];

        if (!looks_like_ticker(lane)) {
            others_ns += lane->busy_ns;
            continue;
        }
        if (ticker)
            return;
        ticker = lane;
    }
    if (!ticker || others_ns < (ticker->thread->death_ns - ticker->thread->birth_ns) / 2)
        return;
    ticker->ticker = true;
    ticker->idle_ns += ticker->external_ns;
    ticker->external_ns = 0;
    ticker->external_count = 0;
    lane_set_busy(ticker);
}

/* A parent that had its workers made and waits for what they say, or for clients and signals as they do. */
static void lanes_find_leaders(struct lanes *lanes)
{
    for (size_t i = 0; i < lanes->n; i++) {
        const struct lane *child = &lanes->items[i], *parent;

        if (!child->main || !child->process || !child->process->parent_pid)
            continue;
        parent = lanes_find(lanes, child->process->parent_pid);
        if (parent && parent->main && child->busy_ns >= 2 * parent->busy_ns)
            lanes->items[parent - lanes->items].leads = true;
    }
}

/* A tenth of the busiest lane's work; a parent that started up and then waits for its workers is none of them. */
static bool is_substantial(const struct lane *lane, uint64_t busiest_ns)
{
    const uint64_t *blocked = lane->thread->blocked_ns;
    uint64_t life_ns = lane->thread->death_ns - lane->thread->birth_ns;
    uint64_t waits_ns = blocked[CAUSE_JOIN] + blocked[CAUSE_HANDOFF] + blocked[CAUSE_IPC];

    if (lane->leads)
        waits_ns += lane->idle_ns;
    if (lane->busy_ns == 0 || lane->busy_ns < busiest_ns / 10)
        return false;
    return !lane->main || lane->busy_ns >= busiest_ns / 2 || (double)waits_ns < 0.6 * (double)life_ns;
}

/* The first thread of a process that the target made, that listens, and that is there for longer than a moment. */
static bool may_serve(const struct lane *lane)
{
    const struct process *process = lane->process;

    return lane->main && process && process->parent_pid && process->listens && !process->launcher &&
           !lane->short_process;
}

static bool waits_for_work(const struct lane *lane)
{
    return lane->idle_ns >= (lane->thread->death_ns - lane->thread->birth_ns) / 2;
}

/*
 * Workers that share a listening socket: the kernel wakes the one that waited last (epoll's exclusive waits, accept()),
 * so all connections of a run may go to one of them. The others are part of the model none the less. A worker is known
 * by its busy siblings: forked copies of the same parent, or the same program run again.
 */
static void lanes_find_standby(struct lanes *lanes)
{
    for (size_t i = 0; i < lanes->n; i++) {
        const struct lane *child = &lanes->items[i], *parent;

        if (!child->substantial || !may_serve(child))
            continue;
        parent = lanes_find(lanes, child->process->parent_pid);
        if (parent)
            lanes->items[parent - lanes->items].worker = child->process;
    }
    for (size_t i = 0; i < lanes->n; i++) {
        struct lane *lane = &lanes->items[i];
        const struct lane *parent;

        if (lane->substantial || !may_serve(lane) || !waits_for_work(lane))
            continue;
        parent = lanes_find(lanes, lane->process->parent_pid);
        if (!parent || !parent->worker || parent->worker->execed != lane->process->execed ||
            strncmp(parent->worker->name, lane->process->name, sizeof(lane->process->name)) != 0)
            continue;
        lane->substantial = true;
    }
}

static void lanes_sum(struct lanes *lanes)
{
    uint64_t busiest_ns = 0;

    for (size_t i = 0; i < lanes->n; i++) {
        const struct lane *lane = &lanes->items[i];
        const struct thread *t = lane->thread;

        lanes->busy_ns += lane->busy_ns;
        lanes->idle_ns += lane->idle_ns;
        lanes->external_ns += lane->external_ns;
        lanes->external_count += lane->external_count;
        lanes->on_cpu_ns += t->on_cpu_ns;
        lanes->runnable_ns += t->runnable_ns;
        lanes->interpreter_lock_ns += t->blocked_ns[CAUSE_INTERPRETER_LOCK];
        lanes->lock_ns += lane->lock_ns;
        lanes->handoff_ns += lane->handoff_ns;
        lanes->ipc_ns += lane->ipc_ns;
        lanes->handoff_count += lane->handoff_count;
        lanes->ipc_count += lane->ipc_count;
        if (lane->busy_ns > busiest_ns)
            busiest_ns = lane->busy_ns;
    }
    lanes->work_ns = lanes->busy_ns - lanes->runnable_ns;
    for (size_t i = 0; i < lanes->n; i++)
        lanes->items[i].substantial = is_substantial(&lanes->items[i], busiest_ns);
    lanes_find_standby(lanes);
}

/* Processes sorted by pid, for binary search. */
static const struct process *find_process(const struct process **sorted, size_t n, int32_t pid)
{
    size_t low = 0, high = n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (sorted[middle]->pid < pid)
            low = middle + 1;
        else
            high = middle;
    }
    return low < n && sorted[low]->pid == pid ? sorted[low] : NULL;
}

static int lanes_collect(struct lanes *lanes)
{
    const struct measurement *m = lanes->m;
    AUTO_FREE const struct process **sorted = calloc(m->n_processes + 1, sizeof(*sorted));

    lanes->items = calloc(m->n_threads + 1, sizeof(*lanes->items));
    lanes->by_tid = calloc(m->n_threads + 1, sizeof(*lanes->by_tid));
    if (!sorted || !lanes->items || !lanes->by_tid)
        return -ENOMEM;
    for (size_t i = 0; i < m->n_processes; i++)
        sorted[i] = &m->processes[i];
    qsort(sorted, m->n_processes, sizeof(*sorted), compare_pid);
    for (size_t i = 0; i < m->n_threads; i++) {
        struct lane *lane = &lanes->items[lanes->n];

        if (m->threads[i].runtime_internal)
            continue;
        lane->process = find_process(sorted, m->n_processes, m->threads[i].pid);
        lane_fill(m, lane, &m->threads[i]);
        lanes->by_tid[lanes->n++] = lane;
    }
    qsort(lanes->by_tid, lanes->n, sizeof(*lanes->by_tid), compare_tid);
    return 0;
}

static void lanes_attach_loops(struct lanes *lanes)
{
    for (size_t i = 0; i < lanes->m->n_loops; i++) {
        const struct event_loop *loop = &lanes->m->loops[i];
        const struct lane *lane = lanes_find(lanes, loop->tid);

        if (lane && is_real_loop(lanes->m, loop, lane->process))
            lanes->items[lane - lanes->items].loop = loop;
    }
}

int lanes_new(const struct measurement *m, struct lanes **ret_lanes)
{
    CLEANUP(lanes_freep) struct lanes *lanes = calloc(1, sizeof(*lanes));
    int r;

    if (!lanes)
        return -ENOMEM;
    lanes->m = m;
    r = lanes_collect(lanes);
    if (r < 0)
        return r;
    lanes_attach_loops(lanes);
    r = lanes_sort_handoffs(lanes);
    if (r < 0)
        return r;
    for (size_t i = 0; i < lanes->n; i++)
        lane_set_busy(&lanes->items[i]);
    lanes_find_ticker(lanes);
    lanes_find_leaders(lanes);
    lanes_sum(lanes);
    *ret_lanes = TAKE_PTR(lanes);
    return 0;
}

void lanes_free(struct lanes *lanes)
{
    if (!lanes)
        return;
    free(lanes->items);
    free(lanes->by_tid);
    free(lanes);
}

void lanes_freep(struct lanes **lanes)
{
    lanes_free(*lanes);
    *lanes = NULL;
}

double lanes_locked_share_by_parallelism(const struct measurement *m, bool one_process)
{
    uint64_t busy_ns = 0, together_ns = 0, weighted_ns = 0;

    for (size_t k = 1; k < m->n_parallelism; k++) {
        busy_ns += m->parallelism_ns[k];
        weighted_ns += m->parallelism_ns[k] * k;
        together_ns += k > 1 ? m->parallelism_ns[k] : 0;
    }
    if (!one_process || !busy_ns || (double)together_ns < SEEN_TOGETHER * (double)busy_ns)
        return 1.0;
    return (double)busy_ns / (double)weighted_ns;
}
