/* SPDX-License-Identifier: BSD-2-Clause */

/* The event loops of a run: who waits in epoll again and again, and what else it waits for in between. */

#include "base/base.h"
#include "probe/assemble/assemble_parts.h"
#include "probe/bpf/abi.h"
#include "probe/follow/collector.h"
#include "probe/follow/loops.h"
#include "probe/measurement.h"
#include "probe/runtime/detect.h"

#define TURNS_MIN 3 /* a thread that waits in epoll once or twice is not yet a loop */

static void sum_epoll(const struct slot *account, uint64_t *ret_ns, uint64_t *ret_count)
{
    *ret_ns = *ret_count = 0;
    for (unsigned int kind = WAIT_EPOLL_TIMEOUT; kind <= WAIT_EPOLL_OUTSIDE; kind++) {
        *ret_ns += account->blocked_ns[kind];
        *ret_count += account->blocked_count[kind];
    }
}

static bool is_node(const struct run_process *process)
{
    return process && process->image && process->image->runtime.kind == RUNTIME_NODE;
}

static const char *kind_of_loop(const struct loop_facts *facts, const struct run_process *process)
{
    bool python = process && process->image && process->image->runtime.kind == RUNTIME_CPYTHON;

    if (facts->asyncio)
        return process && process->uses_uvloop ? "uvloop" : "asyncio";
    if (is_node(process) || (process && process->uses_libuv && !python))
        return "libuv";
    return "epoll";
}

/* CPU spent in callbacks: by samples where a stack tells them apart, else all but the set-up before the loop began. */
static uint64_t busy_cpu(const struct run_thread *thread, const struct loop_facts *facts)
{
    uint64_t on_cpu = thread->account.on_cpu_ns;

    if (facts->asyncio)
        return facts->sampled ? base_to_u64((double)on_cpu * facts->busy_share) : 0;
    /* One that never had to wait: where its set-up ended is not known. */
    if (!thread->last_epoll_end)
        return on_cpu;
    return on_cpu > facts->setup_cpu_ns ? on_cpu - facts->setup_cpu_ns : 0;
}

static void fill_stalls(const struct loop_facts *facts, bool nested, struct event_loop *loop)
{
    loop->blocked_in_turn_ns = facts->blocked_ns;
    loop->blocked_in_turn_count = facts->blocked_count;
    loop->longest_stall_ns = facts->longest_stall_ns;
    loop->stalls = facts->stalls;
    loop->stall_ns = facts->stall_ns;
    loop->callback_ns = facts->callback_ns;
    /* Node's execSync() and the like run a loop of their own inside a callback. */
    if (!nested)
        return;
    loop->blocked_in_turn_ns += facts->nested_ns;
    loop->blocked_in_turn_count += facts->nested_count;
    loop->stalls += facts->nested_stalls;
    loop->stall_ns += facts->nested_stall_ns;
    if (facts->longest_nested_ns > loop->longest_stall_ns)
        loop->longest_stall_ns = facts->longest_nested_ns;
}

/* Weighted by what was not sampled, waits inside turns can come out longer than all waits outside the selector. */
static void bound_blocked(const struct slot *account, struct event_loop *loop)
{
    uint64_t all_ns = 0;

    for (unsigned int kind = 0; kind < WAIT_KIND_COUNT; kind++)
        all_ns += account->blocked_ns[kind];
    if (loop->blocked_in_turn_ns > all_ns)
        loop->blocked_in_turn_ns = all_ns;
}

static int fill_loop(const struct collector *c, const struct run_thread *thread, const struct run_process *process,
                     const struct loop_facts *facts, struct event_loop *loop)
{
    const struct slot *account = &thread->account;

    loop->tid = (int32_t)thread->tid;
    loop->pid = (int32_t)thread->tgid;
    (void)snprintf(loop->kind, sizeof(loop->kind), "%s", kind_of_loop(facts, process));
    sum_epoll(account, &loop->wait_ns, &loop->turns);
    loop->busy_cpu_ns = busy_cpu(thread, facts);
    loop->epoll_fd = (int32_t)thread->epoll_fd;
    fill_stalls(facts, is_node(process), loop);
    bound_blocked(account, loop);
    if (thread->outstanding_looks)
        loop->outstanding_mean = (double)thread->outstanding_sum / (double)thread->outstanding_looks;
    loop->outstanding_max = (uint32_t)thread->outstanding_max;
    loop->timers_mean = facts->timers_mean;
    loop->timers_max = facts->timers_max;
    loop->sleepers_mean = facts->sleepers_mean;
    loop->sent_segments = thread->sent_segments;
    loop->received_segments = thread->received_segments;
    return is_node(process) && thread->tid == thread->tgid ? assemble_pool(c, loop) : 0;
}

/* Go's network poller is no loop of the program: whichever thread is free waits there. */
static bool is_poller(const struct run_process *process)
{
    return process && process->image && process->image->runtime.kind == RUNTIME_GO;
}

/*
 * A thread that waits in epoll again and again, or did so once and has several things outstanding there: under full
 * load it never gets to wait. Node's main thread likewise: there the connections tell a server, or a client, from a
 * script that computes.
 */
static bool is_loop(const struct run_thread *thread, const struct run_process *process, const struct loop_facts *facts,
                    uint64_t turns)
{
    if (is_poller(process))
        return false;
    return facts->asyncio || turns >= TURNS_MIN || (turns > 0 && thread->outstanding_max > 1) ||
           (is_node(process) && thread->tid == thread->tgid && (process->listens || process->max_connections > 1));
}

int assemble_loops(const struct collector *c, struct measurement *m)
{
    size_t capacity = 0;

    for (size_t i = 0; i < c->state.n_threads; i++) {
        const struct run_thread *thread = &c->state.threads[i];
        const struct run_process *process = run_state_find_process(&c->state, thread->tgid);
        struct loop_facts facts;
        uint64_t wait_ns, turns;

        if (!thread->closed)
            continue;
        sum_epoll(&thread->account, &wait_ns, &turns);
        loops_finish(thread, &facts);
        if (!is_loop(thread, process, &facts, turns))
            continue;
        if (base_grow(&m->loops, &capacity, m->n_loops + 1, sizeof(*m->loops)) < 0)
            return -ENOMEM;
        memset(&m->loops[m->n_loops], 0, sizeof(*m->loops));
        if (fill_loop(c, thread, process, &facts, &m->loops[m->n_loops++]) < 0)
            return -ENOMEM;
    }
    return 0;
}
