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
#include "probe/bpf/typed.bpf.h"
#include "probe/bpf/slots.bpf.h"
#include "probe/bpf/clock.bpf.h"
#include "probe/bpf/calls.bpf.h"
#include "probe/bpf/cause.bpf.h"
#include "probe/bpf/user.bpf.h"
#include "probe/bpf/rights.bpf.h"
#include "probe/bpf/cpython.bpf.h"
#include "probe/bpf/asyncio.bpf.h"
#include "probe/bpf/ruby.bpf.h"
#include "probe/bpf/stack.bpf.h"
#include "probe/bpf/peers.bpf.h"
#include "probe/bpf/account.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/*
 * A thread that is preempted on its way into a sleep, or gets a signal just before it, stays runnable, but sched_switch
 * is told the state that it was about to wait in (kernel/sched/core.c, __schedule()).
 */
static __always_inline unsigned int state_left_in(struct task_struct *prev, _Bool preempt, unsigned int prev_state)
{
    return preempt || !prev->__state ? 0 : prev_state;
}

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
        switch_out(ctx, slot, prev, state_left_in(prev, preempt, prev_state), now);
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

static __always_inline void rise(__u64 *value, __u64 *most)
{
    __u64 now = __sync_fetch_and_add(value, 1) + 1;

    if (now > *most)
        *most = now;
}

static __always_inline void process_born(struct totals *t, __u32 parent_tgid, __u32 tgid)
{
    mark_living(tgid, 1);
    __sync_fetch_and_add(&t->processes, 1);
    rise(&t->live_processes, &t->max_live_processes);
    python_fork(parent_tgid, tgid);
    ruby_fork(parent_tgid, tgid);
}

/* A new thread of the target, not runnable yet. */
static __always_inline void thread_born(const struct task_struct *parent, struct task_struct *child)
{
    __u16 *entry = slot_number(child->pid);
    __u32 parent_tgid = tgid_seen(parent);
    struct totals *t = run_totals();
    struct slot *slot;
    __u32 number;
    __u64 now;

    if (!t || !entry)
        return;
    number = slot_take();
    slot = number ? slot_at(number) : 0;
    if (!slot) {
        *entry = NO_SLOT;
        return;
    }
    now = bpf_ktime_get_ns();
    __builtin_memset(slot, 0, sizeof(*slot));
    slot->task = (__u64)child;
    slot->tid = pid_seen(child);
    slot->tgid = tgid_seen(child);
    slot->parent_tid = pid_seen(parent);
    slot->is_process = child->pid == child->tgid;
    slot->birth = now;
    slot->stamp = now;
    slot->number = (__u16)number;
    slot->serial = (__u32)__sync_fetch_and_add(&t->threads, 1) + 1;
    slot->state = SLOT_NEW;
    *entry = (__u16)number;
    rise(&t->live, &t->max_live);
    if (slot->is_process)
        process_born(t, parent_tgid, slot->tgid);
    emit_event(RECORD_FORK, now, slot->tid, slot->tgid, slot->parent_tid, slot->serial, parent_tgid);
}

static __always_inline int has_no_slot(const struct task_struct *task)
{
    __u16 *entry = slot_number(task->pid);

    return entry && *entry == NO_SLOT;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(on_fork, struct task_struct *parent, struct task_struct *child)
{
    if (slot_find(parent) || has_no_slot(parent))
        thread_born(parent, child);
    return 0;
}

SEC("tp_btf/sched_wakeup_new")
int BPF_PROG(on_wakeup_new, struct task_struct *task)
{
    struct slot *slot = slot_find(task);

    /* Workers of io_uring are made without sched_process_fork (kernel/fork.c, create_io_thread()), by their group. */
    if (!slot && task->flags & PF_IO_WORKER) {
        struct task_struct *parent = bpf_get_current_task_btf();

        if (parent->tgid != task->tgid || !slot_find(parent))
            return 0;
        thread_born(parent, task);
        slot = slot_find(task);
    }
    if (!slot || slot->state != SLOT_NEW)
        return 0;
    slot->birth = bpf_ktime_get_ns();
    slot->stamp = slot->birth;
    slot->state = SLOT_RUNNABLE;
    return 0;
}

/*
 * A thread other than the first that calls exec takes over the id of the first, which has ended by now; but it may not
 * have left its CPU yet, and has got the other's id in exchange (fs/exec.c, de_thread(); kernel/pid.c,
 * exchange_tids()).
 */
static __always_inline void take_over(struct task_struct *task, __u32 old_pid)
{
    __u16 *old = slot_number(old_pid), *first = slot_number(task->pid), leader;

    if (!old || !first)
        return;
    leader = *first;
    *first = *old;
    *old = leader == NO_SLOT ? 0 : leader;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *task, int old_pid)
{
    __u32 other = old_pid == task->pid ? 0 : (__u32)old_pid;
    struct slot *slot;
    __u16 *entry;

    if (other) {
        entry = slot_number(other);
        slot = entry && *entry ? slot_at(*entry) : 0;
        if (!entry || !*entry || (*entry != NO_SLOT && (!slot || slot->task != (__u64)task)))
            return 0;
        take_over(task, other);
    } else {
        slot = slot_find(task);
    }
    if (!slot)
        return 0;
    if (other)
        other = slot->tid;
    slot->tid = pid_seen(task);
    slot->is_process = 1;
    slot->execed = 1;
    python_exec(slot->tgid);
    ruby_exec(slot->tgid);
    emit_event(RECORD_EXEC, bpf_ktime_get_ns(), slot->tid, slot->tgid, other, slot->serial, !may_read());
    return 0;
}

/* May be told twice: by the last thread, and by the one before it if it was about to go as well. */
static __always_inline void process_ended(struct task_struct *task, const struct slot *slot)
{
    struct totals *t = run_totals();

    if (mark_living(slot->tgid, 0) && t)
        __sync_fetch_and_add(&t->live_processes, -1);
    emit_event(RECORD_GROUP_EXIT, bpf_ktime_get_ns(), slot->tid, slot->tgid, 0, BPF_CORE_READ(task, signal, maxrss), 0);
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct *task)
{
    struct slot *slot = slot_find(task);
    __u32 tgid = task->tgid, one = 1;

    if (!slot) {
        __u16 *entry = slot_number(task->pid);

        if (entry && *entry == NO_SLOT)
            *entry = 0;
        return 0;
    }
    /* kernel/exit.c: live has been decremented and maxrss been brought up to date by now. */
    if (BPF_CORE_READ(task, signal, live.counter) == 0) {
        process_ended(task, slot);
    } else if (task->pid == task->tgid) {
        bpf_map_update_elem(&leaderless, &tgid, &one, BPF_ANY);
        leaderless_seen = 1;
    }
    return 0;
}

static __always_inline void sample(void *context, struct slot *slot, struct task_struct *task)
{
    slot->cpu_samples++;
    if (take_stacks)
        stack_take(context, slot, bpf_ktime_get_ns(), 0, STACK_SAMPLE);
    else
        sample_without_stack(slot, task);
}

/* A software clock on every CPU: whose code runs, and whether it runs under the interpreter lock. */
SEC("perf_event")
int on_sample(void *context)
{
    struct task_struct *task = bpf_get_current_task_btf();
    struct slot *slot = slot_find(task);

    if (slot && slot->state == SLOT_RUNNING)
        sample(context, slot, task);
    return 0;
}

/*
 * The clock where performance events are refused: the scheduler charges the running thread at every timer tick, but at
 * wake-ups and switches as well (kernel/sched/fair.c, update_curr()). Those that user code makes happen come by way of
 * a system call; what interrupts user code has none (orig_ax is -1), and is taken once a tick.
 */
SEC("tp_btf/sched_stat_runtime")
int BPF_PROG(on_tick, struct task_struct *task)
{
    struct slot *slot = slot_find(task);
    struct ring_head *head;
    __u16 tick;
    __u32 cpu;

    if (!slot || slot->state != SLOT_RUNNING || task != bpf_get_current_task_btf())
        return 0;
    if ((long)((struct pt_regs *)bpf_task_pt_regs(task))->orig_ax != -1)
        return 0;
    head = ring_head(&cpu);
    tick = (__u16)bpf_jiffies64();
    if (!head || head->tick == tick)
        return 0;
    head->tick = tick;
    sample(ctx, slot, task);
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
