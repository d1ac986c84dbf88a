/* SPDX-License-Identifier: BSD-2-Clause */

/* The event loops of a run: who waits in epoll again and again, and what else it waits for in between. */

#include "base/base.h"
#include "probe/assemble_parts.h"
#include "probe/bpf/abi.h"
#include "probe/collector.h"
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

/*
 * Without stacks, what a loop's thread waits for outside its selector is taken for blocking inside a turn: a timer, a
 * single socket or pipe, a file. Locks and hand-offs are left out: a runtime's own start-up and helpers use them.
 */
static void sum_blocking(const struct slot *account, struct event_loop *loop)
{
    static const unsigned int blocking[] = {WAIT_SLEEP,       WAIT_INET_OUTSIDE, WAIT_INET_TIMEOUT,
                                            WAIT_INET_TARGET, WAIT_UNIX_OUTSIDE, WAIT_PIPE_OUTSIDE,
                                            WAIT_CHILD,       WAIT_FILE,         WAIT_PIPE_TARGET};

    for (size_t i = 0; i < ARRAY_SIZE(blocking); i++) {
        loop->blocked_in_turn_ns += account->blocked_ns[blocking[i]];
        loop->blocked_in_turn_count += account->blocked_count[blocking[i]];
    }
}

static const char *kind_of_loop(const struct run_thread *thread, const struct run_process *process)
{
    if (thread->asyncio)
        return "asyncio";
    if (process && process->image && process->image->runtime.kind == RUNTIME_NODE)
        return "libuv";
    return "epoll";
}

/* CPU spent in callbacks: by samples where a stack tells them apart, else all but the set-up before the loop began. */
static uint64_t busy_cpu(const struct run_thread *thread)
{
    uint64_t on_cpu = thread->account.on_cpu_ns;

    if (thread->asyncio)
        return thread->stack_samples
                   ? (uint64_t)((double)on_cpu * (double)thread->turn_samples / (double)thread->stack_samples)
                   : 0;
    return on_cpu > thread->setup_cpu_ns ? on_cpu - thread->setup_cpu_ns : 0;
}

static void fill_loop(const struct run_thread *thread, const struct run_process *process, struct event_loop *loop)
{
    const struct slot *account = &thread->account;

    loop->tid = (int32_t)thread->tid;
    loop->pid = (int32_t)thread->tgid;
    (void)snprintf(loop->kind, sizeof(loop->kind), "%s", kind_of_loop(thread, process));
    sum_epoll(account, &loop->wait_ns, &loop->turns);
    loop->busy_cpu_ns = busy_cpu(thread);
    loop->longest_stall_ns = thread->longest_stall_ns;
    if (thread->asyncio) {
        loop->blocked_in_turn_ns = thread->turn_blocked_ns;
        loop->blocked_in_turn_count = thread->turn_blocked_count;
    } else {
        sum_blocking(account, loop);
    }
    if (thread->outstanding_looks)
        loop->outstanding_mean = (double)thread->outstanding_sum / (double)thread->outstanding_looks;
    loop->outstanding_max = (uint32_t)thread->outstanding_max;
}

int assemble_loops(const struct collector *c, struct measurement *m)
{
    size_t capacity = 0;

    for (size_t i = 0; i < c->state.n_threads; i++) {
        const struct run_thread *thread = &c->state.threads[i];
        uint64_t wait_ns, turns;

        if (!thread->closed)
            continue;
        sum_epoll(&thread->account, &wait_ns, &turns);
        if (!thread->asyncio && turns < TURNS_MIN)
            continue;
        if (base_grow(&m->loops, &capacity, m->n_loops + 1, sizeof(*m->loops)) < 0)
            return -ENOMEM;
        memset(&m->loops[m->n_loops], 0, sizeof(*m->loops));
        fill_loop(thread, run_state_find_process(&c->state, thread->tgid), &m->loops[m->n_loops++]);
    }
    return 0;
}
