/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/executor.h"

#include <math.h>

#include "base/base.h"
#include "probe/measurement.h"

#define MINOR 10                  /* less than 1/10 of the work behind the loop is somebody else's, or waits outside */
#define OWN_WAIT_NS NSEC_PER_MSEC /* waits of the loop that are more than the wake-up of a thread or a lock file */
#define WORTH_NS (20 * NSEC_PER_MSEC) /* of work behind the loop: less is looking up a name */

static uint64_t outside_ns(const struct thread *t)
{
    return t->blocked_ns[CAUSE_NETWORK] + t->blocked_ns[CAUSE_PIPE] + t->blocked_ns[CAUSE_SLEEP];
}

static bool is_outside(enum cause cause)
{
    return cause == CAUSE_NETWORK || cause == CAUSE_PIPE || cause == CAUSE_SLEEP;
}

static bool is_python(const struct event_loop *loop)
{
    return strcmp(loop->kind, "asyncio") == 0 || strcmp(loop->kind, "uvloop") == 0;
}

static bool is_behind(const struct thread *t, const struct thread *loop)
{
    return t->pid == loop->pid && t->tid != loop->tid && t->parent_tid == loop->tid && !t->runtime_internal;
}

/* What the threads behind a loop did, all of them together. */
struct behind {
    uint32_t threads;   /* that worked */
    uint64_t work_ns;   /* CPU and disks */
    uint64_t waits_ns;  /* for what a loop could have awaited */
    uint64_t handed;    /* waits of the loop that they ended */
    uint64_t others_ns; /* work of everybody else, but for the loop */
};

static struct behind look_behind(const struct measurement *m, const struct thread *loop)
{
    struct behind behind = {0};

    for (size_t i = 0; i < m->n_threads; i++) {
        const struct thread *t = &m->threads[i];
        uint64_t own_ns = t->on_cpu_ns + t->blocked_ns[CAUSE_DISK];

        if (t == loop || t->runtime_internal)
            continue;
        if (!is_behind(t, loop)) {
            behind.others_ns += own_ns + outside_ns(t);
            continue;
        }
        behind.work_ns += own_ns;
        behind.waits_ns += outside_ns(t) + t->blocked_ns[CAUSE_IPC];
        behind.threads += own_ns > NSEC_PER_MSEC;
    }
    for (size_t i = 0; i < m->n_wakers; i++)
        if (m->wakers[i].waiter_tid == loop->tid && m->wakers[i].cause == CAUSE_HANDOFF)
            behind.handed += m->wakers[i].count;
    return behind;
}

static bool is_executor(const struct event_loop *loop, const struct behind *behind)
{
    return behind->threads && behind->work_ns >= WORTH_NS && behind->handed > behind->threads &&
           behind->waits_ns * MINOR < behind->work_ns && behind->others_ns * MINOR < behind->work_ns &&
           loop->busy_cpu_ns <= behind->work_ns;
}

/* From the begin of the loop's first wait for something outside to the end of the last one. @return the longest */
static uint64_t find_own_waits(struct executor *executor)
{
    const struct thread *t = executor->thread;
    uint64_t at_ns = t->birth_ns, longest_ns = 0;

    for (size_t i = 0; i < t->n_slices; i++) {
        const struct slice *s = &t->slices[i];
        uint64_t begin_ns = at_ns + s->on_cpu_ns;

        at_ns += s->on_cpu_ns + s->runnable_ns + s->blocked_ns;
        if (!is_outside(s->cause) || s->blocked_ns < OWN_WAIT_NS)
            continue;
        if (!executor->last_ns)
            executor->first_ns = begin_ns;
        executor->last_ns = at_ns;
        longest_ns = s->blocked_ns > longest_ns ? s->blocked_ns : longest_ns;
    }
    return longest_ns;
}

/*
 * Where each item opened a connection of its own, and nobody looked while they were open: what was under way during the
 * loop's longest wait took as long as that at least, so that each of them is taken to.
 */
static double sum_connections(const struct measurement *m, const struct executor *executor, uint64_t handed,
                              uint64_t longest_ns)
{
    double connects = 0;

    for (size_t i = 0; i < m->n_peers; i++)
        if (m->peers[i].pid == executor->loop->pid)
            connects += (double)m->peers[i].connects;
    return connects * 2 >= (double)handed ? connects * (double)longest_ns : 0;
}

/* Means over all the time that the loop waited; else the most that was seen, for as long as its own waits lasted. */
static double sum_waits(const struct measurement *m, const struct executor *executor, uint64_t handed,
                        uint64_t longest_ns)
{
    const struct event_loop *loop = executor->loop;
    double sum_ns =
        ((loop->outstanding_max ? loop->outstanding_mean : 0) + loop->sleepers_mean) * (double)loop->wait_ns;

    for (size_t i = 0; i < m->n_processes && sum_ns <= 0; i++)
        if (m->processes[i].pid == loop->pid)
            sum_ns = (double)m->processes[i].max_connections * (double)(executor->last_ns - executor->first_ns);
    return sum_ns > 0 ? sum_ns : sum_connections(m, executor, handed, longest_ns);
}

void executor_find(const struct measurement *m, struct executor *ret_executor)
{
    *ret_executor = (struct executor){0};
    for (size_t i = 0; i < m->n_loops; i++) {
        struct executor found = {.loop = &m->loops[i], .thread = measurement_find_thread(m, m->loops[i].tid)};
        struct behind behind;
        uint64_t longest_ns;

        if (!found.thread || !is_python(found.loop))
            continue;
        behind = look_behind(m, found.thread);
        if (!is_executor(found.loop, &behind))
            continue;
        found.threads = behind.threads;
        longest_ns = find_own_waits(&found);
        if (longest_ns)
            found.waits_ns = sum_waits(m, &found, behind.handed, longest_ns);
        if (found.waits_ns > 0)
            found.at_once = fmax(1, found.waits_ns / (double)(found.last_ns - found.first_ns));
        *ret_executor = found;
        return;
    }
}
