/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/profile/profile.h"

#include "analyzer/profile/profile_items.h"
#include "analyzer/profile/profile_lanes.h"
#include "analyzer/profile/profile_shapes.h"
#include "base/base.h"

/*
 * CPU without the interpreter lock from which on a call is handed to a thread: about a hundred times what that costs
 * (40 to 80 us), CPython's own turn of the lock, and the tree's limit for turns of a loop.
 */
#define LONG_CALL_NS (5 * NSEC_PER_MSEC)

#define LITTLE 20 /* 1/20 of the rest is not worth a loop, or a thread behind it */

void profile_free(struct profile *p)
{
    if (!p)
        return;
    free(p->steps);
    free(p->items);
    free(p->phases);
    free(p->locks);
    free(p->stage_lanes);
    free(p);
}

void profile_freep(struct profile **p)
{
    profile_free(*p);
}

bool profile_has_long_calls(const struct profile *p)
{
    bool any = p->nothing_to_await;

    for (size_t i = 0; i < p->n_steps && !any; i++)
        any = p->steps[i].offload;
    return any;
}

/* CPU that no item holds ran before, after or between them. */
static void serial_cpu(const struct measurement *m, const struct work_lanes *lanes, struct profile *p)
{
    uint64_t items_ns = profile_total_cpu(p) + lanes->dispatch_ns;

    for (uint32_t i = 0; i < p->n_phases; i++)
        items_ns += p->phases[i].serial_cpu_ns;

    uint64_t rest_ns = m->on_cpu_ns > items_ns ? m->on_cpu_ns - items_ns : 0;
    p->serial_cpu_ns = rest_ns < p->head_ns + p->tail_ns ? rest_ns : p->head_ns + p->tail_ns;
}

/*
 * Wall time during which every worker had nothing to do (servers, loops without load). Parked workers whose program
 * goes on by itself meanwhile are between two phases.
 */
static uint64_t idle_time(const struct measurement *m, const struct work_lanes *lanes)
{
    uint64_t least_ns = UINT64_MAX, still_ns = lanes->still_ns;

    for (size_t i = 0; i < lanes->count; i++) {
        uint64_t idle_ns = lanes->list[i].thread->blocked_ns[CAUSE_IDLE];

        if (idle_ns < least_ns)
            least_ns = idle_ns;
    }
    for (size_t i = 0; i < lanes->n_gaps; i++)
        still_ns -= lanes->gaps[i].end_ns - lanes->gaps[i].start_ns;
    if (lanes->count > 1 && lanes->loops == 0 && still_ns < least_ns)
        least_ns = still_ns;
    return lanes->count && least_ns < m->wall_ns ? least_ns : 0;
}

/*
 * Ready threads wait for the target's own only while all CPUs are the target's; the rest of the run queue's time is
 * others'. On the average each lane is late by its share of it. Where the profile's figures come from wall time, they
 * have it already.
 */
static uint64_t foreign_runnable(const struct measurement *m, const struct work_lanes *lanes)
{
    uint64_t cpus = measurement_cpus(m), at_once = lanes->most_live < cpus ? lanes->most_live : cpus;
    uint64_t own_ns = 0, ready_ns = 0, foreign_ns, limit_ns;

    if (!at_once || lanes->by_wall)
        return lanes->ready_ns;
    for (size_t i = 0; i < lanes->count; i++)
        ready_ns += lanes->list[i].thread->runnable_ns;
    for (size_t k = cpus; k < m->n_parallelism && lanes->most_live > cpus; k++)
        own_ns += m->parallelism_ns[k] * (lanes->most_live - cpus);
    foreign_ns = ready_ns > own_ns ? (ready_ns - own_ns) / lanes->most_live : 0;
    limit_ns = m->on_cpu_ns / at_once < m->wall_ns ? m->wall_ns - m->on_cpu_ns / at_once : 0;
    foreign_ns += lanes->ready_ns;
    return foreign_ns < limit_ns ? foreign_ns : limit_ns;
}

static uint64_t memory_per_worker(const struct measurement *m)
{
    uint64_t sum = 0, n = 0;

    for (size_t i = 0; i < m->n_processes; i++)
        if (m->processes[i].parent_pid && m->processes[i].private_bytes) {
            sum += m->processes[i].private_bytes;
            n++;
        }
    /* Nothing was forked: at worst a worker touches all that its parent holds. */
    return n ? sum / n : m->n_processes ? m->processes[0].private_bytes : 0;
}

/* Only CPython's and PyPy's asyncio hands calls to threads as a matter of course; other runtimes' loops do all. */
static bool has_executor(const struct measurement *m)
{
    return m->target.runtime.kind == RUNTIME_CPYTHON || m->target.runtime.kind == RUNTIME_PYPY;
}

/* What makes an event loop stand still, so that people hand it to a thread; and whether that is all there is. */
static void mark_long_calls(struct profile *p)
{
    uint64_t work_ns = 0, wait_ns = 0, disk_ns = 0, calls_ns = 0;

    for (size_t i = 0; i < p->n_steps; i++) {
        struct profile_step *step = &p->steps[i];

        step->offload = step->free_cpu_ns >= LONG_CALL_NS && step->free_cpu_ns >= step->locked_cpu_ns;
        work_ns += step->locked_cpu_ns + step->free_cpu_ns + step->wait_ns;
        wait_ns += step->wait_ns;
        disk_ns += step->wait_ns && step->cause == CAUSE_DISK ? step->wait_ns : 0;
        calls_ns += step->offload ? step->free_cpu_ns : 0;
    }
    p->nothing_to_await = (disk_ns + calls_ns) * LITTLE >= work_ns &&
                          (disk_ns * 2 > wait_ns || (wait_ns - disk_ns) * LITTLE < disk_ns + calls_ns);
}

int profile_from_measurement(const struct measurement *m, struct profile **ret_profile)
{
    CLEANUP(profile_freep) struct profile *p = calloc(1, sizeof(*p));
    CLEANUP(work_lanes_clear) struct work_lanes lanes = {0};
    CLEANUP(builder_clear) struct profile_builder builder = {.profile = p};
    uint64_t loops_ns = 0, work_ns = 0;
    int r;

    if (!p)
        return -ENOMEM;
    r = work_lanes_find(m, &lanes);
    if (r < 0)
        return r;
    p->interpreter_lock = m->target.runtime.interpreter_lock != INTERPRETER_LOCK_NONE;
    for (size_t i = 0; i < lanes.count; i++) {
        work_ns += lanes.list[i].work_ns;
        loops_ns += lanes.list[i].loop ? lanes.list[i].work_ns : 0;
    }
    if (lanes.executor.loop)
        r = profile_executor_items(m, &lanes, &builder);
    else if (loops_ns * 2 > work_ns)
        r = profile_loop_items(m, &lanes, &builder);
    else
        r = lanes.count == 1 ? profile_serial_items(m, &lanes, &builder) : profile_worker_items(m, &lanes, &builder);
    if (r < 0)
        return r;
    if (!p->n_items)
        return -ENODATA;
    r = profile_arrange(&lanes, &builder);
    if (r < 0)
        return r;
    if (lanes.executor.loop)
        p->fixed_lanes = false; /* the executor's queue is a common bag */
    if (p->head_ns > m->wall_ns)
        p->head_ns = m->wall_ns;
    p->idle_ns = idle_time(m, &lanes);
    p->foreign_runnable_ns = foreign_runnable(m, &lanes);
    p->private_bytes = memory_per_worker(m);
    serial_cpu(m, &lanes, p);
    if (has_executor(m))
        mark_long_calls(p);
    *ret_profile = TAKE_PTR(p);
    return 0;
}
