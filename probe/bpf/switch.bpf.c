/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */

/*
 * switch: exact accounting of every thread of the target, at its scheduler events.
 *
 * A thread is always in one of three states, and a transition closes the stretch since the last one into one bucket:
 *
 *     RUNNING --switch-out, asleep--> BLOCKED --waking--> RUNNABLE --switch-in--> RUNNING
 *        '-----switch-out, still runnable (preempted)--------^
 *
 * so on-CPU + runnable + blocked is the lifetime, to the nanosecond. Totals live here, in the slots; the slices that
 * go through the ring serve replay and sites and may be lost without harm to the totals. No syscall hooks.
 */

#include "probe/bpf/core.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "probe/bpf/abi.h"

/* In this order: each uses the ones before it. */
#include "probe/bpf/slots.bpf.h"
#include "probe/bpf/clock.bpf.h"
#include "probe/bpf/calls.bpf.h"
#include "probe/bpf/cause.bpf.h"
#include "probe/bpf/user.bpf.h"
#include "probe/bpf/cpython.bpf.h"
#include "probe/bpf/asyncio.bpf.h"
#include "probe/bpf/ruby.bpf.h"
#include "probe/bpf/stack.bpf.h"
#include "probe/bpf/peers.bpf.h"
#include "probe/bpf/account.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("tp_btf/sched_switch")
int BPF_PROG(on_switch, _Bool preempt, struct task_struct *prev, struct task_struct *next, unsigned int prev_state)
{
    struct slot *slot = slot_find(next);
    __u64 now = 0;
    __s64 step = 0;

    if (slot && (light || slot->state != SLOT_HELD)) {
        now = switch_time(next);
        if (slot->state == SLOT_HELD) /* where nobody saw it being woken */
            root_released(slot, next, now);
        step += slot->state != SLOT_RUNNING;
        switch_in(slot, next, now);
    }
    slot = slot_find(prev);
    if (slot && slot->state != SLOT_HELD) {
        if (!now)
            now = switch_time(next);
        step -= slot->state == SLOT_RUNNING; /* a missed switch-in was not counted either */
        if (step)
            parallelism_step(now, step);
        /* Last: it may take a stack, and the verifier need not walk what follows for all that may happen there. */
        switch_out(ctx, slot, prev, prev_state, now);
    } else if (step) {
        parallelism_step(now, step);
    }
    return 0;
}

SEC("tp_btf/sched_waking")
int BPF_PROG(on_waking, struct task_struct *task)
{
    struct slot *slot = slot_find(task), *waker;
    struct task_struct *current;
    __u64 now;
    int who = 0;

    if (!slot)
        return 0;
    if (slot->state == SLOT_RUNNING) {
        slot->early_wake = bpf_ktime_get_ns();
        return 0;
    }
    if (slot->state != SLOT_BLOCKED && slot->state != SLOT_HELD)
        return 0;
    now = bpf_ktime_get_ns();
    if (slot->state == SLOT_HELD) {
        root_released(slot, task, now);
        return 0;
    }
    current = bpf_get_current_task_btf();
    waker = slot_find(current);
    if (waker) {
        who = waker->tgid == slot->tgid ? 1 : 2;
        slot->waker_tid = waker->tid;
        slot->waker_tgid = waker->tgid;
        slot->waker_on_cpu_ns = waker->on_cpu_ns;
        if (waker->state == SLOT_RUNNING && now > waker->stamp)
            slot->waker_on_cpu_ns += now - waker->stamp;
    }
    wait_ended(slot, now, who);
    if (waker)
        stack_of_waker(ctx, slot, waker, now);
    asm volatile("" ::: "memory");
    slot->state = SLOT_RUNNABLE;
    return 0;
}

static __always_inline __u32 slot_take(void)
{
    struct totals *t;
    __u32 number = 0;

    if (!bpf_map_pop_elem(&free_slots, &number))
        return number;
    t = run_totals();
    if (!t)
        return 0;
    number = (__u32)__sync_fetch_and_add(&t->fresh, 1);
    if (number < max_slots)
        return number;
    __sync_fetch_and_add(&t->no_slot, 1);
    return 0;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(on_fork, struct task_struct *parent, struct task_struct *child)
{
    struct slot *from = slot_find(parent), *slot;
    struct totals *t = run_totals();
    __u16 *entry;
    __u32 number;
    __u64 live, now;

    if (!from || !t)
        return 0;
    entry = slot_number(child->pid);
    if (!entry)
        return 0;
    number = slot_take();
    slot = number ? slot_at(number) : 0;
    if (!slot)
        return 0;
    now = bpf_ktime_get_ns();
    __builtin_memset(slot, 0, sizeof(*slot));
    slot->task = (__u64)child;
    slot->tid = child->pid;
    slot->tgid = child->tgid;
    slot->parent_tid = parent->pid;
    slot->is_process = child->pid == child->tgid;
    slot->birth = now;
    slot->stamp = now;
    slot->state = SLOT_NEW;
    *entry = (__u16)number;
    __sync_fetch_and_add(&t->threads, 1);
    live = __sync_fetch_and_add(&t->live, 1) + 1;
    if (live > t->max_live)
        t->max_live = live;
    if (slot->is_process) {
        __sync_fetch_and_add(&t->processes, 1);
        live = __sync_fetch_and_add(&t->live_processes, 1) + 1;
        if (live > t->max_live_processes)
            t->max_live_processes = live;
        python_fork(parent->tgid, child->tgid);
        ruby_fork(parent->tgid, child->tgid);
    }
    emit_event(RECORD_FORK, now, slot->tid, slot->tgid, parent->pid, 0, (__u64)parent->tgid);
    return 0;
}

SEC("tp_btf/sched_wakeup_new")
int BPF_PROG(on_wakeup_new, struct task_struct *task)
{
    struct slot *slot = slot_find(task);

    if (!slot || slot->state != SLOT_NEW)
        return 0;
    slot->birth = bpf_ktime_get_ns();
    slot->stamp = slot->birth;
    slot->state = SLOT_RUNNABLE;
    return 0;
}

/* A thread other than the first that calls exec takes over the pid of the first, which is dead by now (fs/exec.c). */
SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *task, int old_pid)
{
    __u16 *old, *leader;
    struct slot *slot;

    old = slot_number((__u32)old_pid);
    if (!old || !*old)
        return 0;
    slot = slot_at(*old);
    if (!slot || slot->task != (__u64)task)
        return 0;
    if (old_pid != task->pid) {
        leader = slot_number(task->pid);
        if (!leader)
            return 0;
        *leader = *old;
        *old = 0;
        slot->tid = task->pid;
        slot->is_process = 1;
    }
    slot->execed = 1;
    python_exec(task->tgid);
    ruby_exec(task->tgid);
    emit_event(RECORD_EXEC, bpf_ktime_get_ns(), slot->tid, slot->tgid, 0, 0, 0);
    return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct *task)
{
    struct slot *slot = slot_find(task);

    /* kernel/exit.c: live has been decremented and maxrss been brought up to date by now. */
    if (slot && BPF_CORE_READ(task, signal, live.counter) == 0)
        emit_event(RECORD_GROUP_EXIT, bpf_ktime_get_ns(), slot->tid, slot->tgid, 0, BPF_CORE_READ(task, signal, maxrss),
                   0);
    return 0;
}

/* A software clock on every CPU: whose code runs, and whether it runs under the interpreter lock. */
SEC("perf_event")
int on_sample(void *context)
{
    struct task_struct *task = bpf_get_current_task_btf();
    struct slot *slot = slot_find(task);

    if (!slot || slot->state != SLOT_RUNNING)
        return 0;
    slot->cpu_samples++;
    if (take_stacks)
        stack_take(context, slot, bpf_ktime_get_ns(), 0, STACK_SAMPLE);
    else
        sample_without_stack(slot, task);
    return 0;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_tcp_state, const struct sock *sk, const int old_state, const int new_state)
{
    struct slot *slot;

    if (new_state == TCP_SYN_SENT && sk->sk_protocol == IPPROTO_TCP) {
        slot = slot_find(bpf_get_current_task_btf());
        if (slot)
            connect_begins(ctx, sk, slot);
    } else if (old_state == TCP_SYN_SENT) {
        connect_ends(sk, new_state == TCP_ESTABLISHED);
    }
    return 0;
}
