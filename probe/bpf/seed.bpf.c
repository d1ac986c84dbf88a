/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */

/*
 * seed: accounts for threads that were there before the programs were attached (-p): those of one process and of its
 * descendants, each in the state it is in.
 *
 * An iterator over all tasks, read a few times by bpf_seed.c and unloaded again: nothing of it is in the way of a
 * switch. The programs of switch.bpf.c are attached first, so from the moment a slot is published its thread's
 * transitions are seen; a task that moved while it was looked at is looked at again.
 *
 * `current` is the reader here, not the task: what lies in the task's memory is copied by a helper that may sleep.
 */

#include "probe/bpf/core.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "probe/bpf/abi.h"
#include "probe/bpf/seed.h"

/* The classification of switch.bpf.c reads user memory of `current`: here that is nobody's wait. It is read below. */
#define bpf_probe_read_user(to, size, from) ((void)(from), __builtin_memset(to, 0, size), -1)

#include "probe/bpf/typed.bpf.h"
#include "probe/bpf/slots.bpf.h"
#include "probe/bpf/calls.bpf.h"
#include "probe/bpf/cause.bpf.h"
#include "probe/bpf/rights.bpf.h"

#undef bpf_probe_read_user

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define PF_KTHREAD 0x200000
#define TASK_NEW 0x800 /* kernel/fork.c: not yet announced by sched_process_fork */
#define TRIES 4
#define ANCESTORS 64
#define STACK_PIECE 1024u

struct sched_entity___seed {
    __u64 sum_exec_runtime;
    unsigned char sched_delayed; /* 6.12: asleep, but not taken off the run queue yet */
} __attribute__((preserve_access_index));

struct task_struct___seed {
    unsigned int __state;
    int on_cpu;
    int on_rq;
    int exit_state;
    unsigned long nvcsw;
    unsigned long nivcsw;
    struct sched_entity___seed se;
} __attribute__((preserve_access_index));

/* Set by user space before loading. */
const volatile __u8 take_stacks = 1;
const volatile __u32 native_mask = 0; /* native stacks per CPU - 1 */

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct native_record);
} natives SEC(".maps");

struct bpf_iter_meta;

/* kernel/bpf/task_iter.c */
struct bpf_iter__task {
    struct bpf_iter_meta *meta;
    struct task_struct *task;
};

struct seed_state seed = {};

/* What tells whether a task was switched in or out, or woken. */
struct moment {
    __u64 switches;
    __u32 state;
    int on_rq;
    int on_cpu;
    int delayed;
    int exit_state;
    __u32 exiting; /* its end has been told, or is about to be (sched_process_exit) */
};

static __always_inline void look(struct task_struct *task, struct moment *moment)
{
    struct task_struct___seed *t = (void *)task;

    moment->switches = BPF_CORE_READ(t, nvcsw) + BPF_CORE_READ(t, nivcsw);
    moment->state = BPF_CORE_READ(t, __state);
    moment->on_rq = BPF_CORE_READ(t, on_rq);
    moment->on_cpu = BPF_CORE_READ(t, on_cpu);
    moment->exit_state = BPF_CORE_READ(t, exit_state);
    moment->exiting = BPF_CORE_READ(task, flags) & PF_EXITING;
    moment->delayed = 0;
    if (bpf_core_field_exists(t->se.sched_delayed)) {
        barrier_var(t); /* or the compiler works out the place before it knows whether there is one */
        moment->delayed = BPF_CORE_READ(t, se.sched_delayed) != 0;
        asm volatile("" ::: "memory");
    }
}

static __always_inline int is_same_moment(const struct moment *a, const struct moment *b)
{
    return a->switches == b->switches && a->state == b->state && a->on_rq == b->on_rq && a->on_cpu == b->on_cpu &&
           a->delayed == b->delayed && a->exit_state == b->exit_state && a->exiting == b->exiting;
}

/* By pointers, not by slots: the first thread of a process may have ended, and have none. */
static __always_inline int is_of_target(struct task_struct *task)
{
    struct task_struct *leader = BPF_CORE_READ(task, group_leader);

    for (int i = 0; i < ANCESTORS && leader; i++) {
        if ((__u64)leader == seed.root_task)
            return 1;
        if (leader == BPF_CORE_READ(leader, real_parent))
            return 0;
        leader = BPF_CORE_READ(leader, real_parent, group_leader);
    }
    return 0;
}

/* The absolute time at which a futex wait ends, and what a poll over one descriptor waits for. */
static __always_inline void read_memory(struct task_struct *task, struct wait_facts *facts)
{
    struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);
    unsigned int operation = (unsigned int)regs->si;
    struct user_timespec time;
    struct user_pollfd one;
    __u16 class, kind;

    if ((long)regs->orig_ax < 0)
        return;
    class = syscall_class[regs->orig_ax & 511];
    if (class == CALL_FUTEX && (operation & FUTEX_CMD_MASK) == FUTEX_WAIT_BITSET && regs->r10 &&
        !bpf_copy_from_user_task(&time, sizeof(time), (void *)regs->r10, task, 0)) {
        __u64 deadline = (__u64)time.sec * 1000000000ULL + (__u64)time.nsec;

        if (!(operation & FUTEX_CLOCK_REALTIME))
            facts->deadline = deadline;
        else if (deadline > realtime_ahead)
            facts->deadline = deadline - realtime_ahead;
    }
    if ((class == CALL_POLL || class == CALL_PPOLL) && regs->si == 1 &&
        !bpf_copy_from_user_task(&one, sizeof(one), (void *)regs->di, task, 0) && one.fd >= 0) {
        facts->fd = one.fd;
        kind = kind_of_fd(task, (unsigned int)one.fd, 0);
        if (kind != WAIT_UNKNOWN && kind != WAIT_FILE && kind != WAIT_TERMINAL)
            facts->kind = kind;
    }
}

static __noinline int copy_stack(struct native_record *native, struct task_struct *task, __u64 sp)
{
    __u32 at = 0;

    if (!native || !task)
        return 0;
    for (int i = 0; i < (int)(STACK_COPY / STACK_PIECE); i++) {
        barrier_var(at);
        if (at > STACK_COPY - STACK_PIECE)
            break;
        if (bpf_copy_from_user_task(native->copy + at, STACK_PIECE, (void *)(sp + at), task, 0))
            break;
        at += STACK_PIECE;
    }
    return at;
}

/*
 * Where a thread sleeps already. The kernel walks nobody's user stack but that of `current`, so it is all left to the
 * copy, from which user space unwinds. While head->busy is set no switch on this CPU writes to the ring.
 */
static __noinline int take_stack(struct slot *slot, struct task_struct *task)
{
    struct native_record *native;
    struct pt_regs *regs;
    struct ring_head *head;
    __u32 cpu, key;

    if (!slot || !task)
        return 0;
    head = ring_head(&cpu);
    /* Nobody reads the ring meanwhile: leave the half of it to those who switch. */
    if (!take_stacks || !head || head->busy || seed.stacks >= (native_mask + 1) / 2 || !may_read_of(task))
        return 0;
    key = cpu * (native_mask + 1) + ((__u32)head->natives & native_mask);
    native = bpf_map_lookup_elem(&natives, &key);
    if (!native)
        return 0;
    regs = (struct pt_regs *)bpf_task_pt_regs(task);
    head->busy = 1;
    asm volatile("" ::: "memory");
    native->time = slot->stamp;
    native->id = SEED_STACK_ID + ++seed.stacks;
    native->tid = slot->tid;
    native->tgid = slot->tgid;
    native->role = STACK_WAIT;
    native->transfers = 0;
    native->owner_tid = 0;
    if (slot->kind == WAIT_FUTEX_MUTEX && knows_own_number(task)) /* pthread_mutex_t: __lock, __count, __owner */
        bpf_copy_from_user_task(&native->owner_tid, sizeof(native->owner_tid), (void *)(slot->address + 8), task, 0);
    native->registers.ip = regs->ip;
    native->registers.sp = regs->sp;
    native->registers.bp = regs->bp;
    native->registers.bx = regs->bx;
    native->registers.r12 = regs->r12;
    native->registers.r13 = regs->r13;
    native->registers.r14 = regs->r14;
    native->registers.r15 = regs->r15;
    native->chain[0] = regs->ip;
    native->n_chain = 1;
    native->n_copy = (__u32)copy_stack(native, task, regs->sp);
    slot->stack_id = native->id;
    asm volatile("" ::: "memory");
    head->natives++;
    head->busy = 0;
    return 1;
}

static __always_inline __u16 state_of(const struct moment *moment)
{
    if (!moment->on_rq || moment->delayed)
        return SLOT_BLOCKED;
    return moment->on_cpu ? SLOT_RUNNING : SLOT_RUNNABLE;
}

static __noinline int fill(struct slot *slot, struct task_struct *task, __u32 state_bits, __u32 state, int tries)
{
    struct wait_facts facts = {.fd = NO_FD};
    __u64 now = bpf_ktime_get_ns();

    if (!slot || !task)
        return 0;
    __builtin_memset(slot, 0, sizeof(*slot));
    slot->task = (__u64)task;
    slot->tid = pid_seen(task);
    slot->tgid = tgid_seen(task);
    slot->is_process = task->pid == task->tgid;
    /* Who made a thread is not recorded: the first one stands for all. */
    slot->parent_tid = slot->is_process ? pid_seen(task->real_parent) : slot->tgid;
    if (slot->tid == seed.root)
        slot->parent_tid = 0;
    bpf_probe_read_kernel(&slot->comm, sizeof(slot->comm), task->comm);
    slot->birth = seed.start;
    slot->stamp = now;
    slot->exec_base = task->se.sum_exec_runtime;
    slot->fd = NO_FD;
    if (state == SLOT_BLOCKED) {
        read_wait(task, (struct pt_regs *)bpf_task_pt_regs(task), state_bits, 0, now, &facts);
        facts.deadline = 0; /* of relative ones it is not known when they began */
        if (may_read_of(task))
            read_memory(task, &facts);
        slot->kind = slot->call_kind = facts.kind;
        slot->address = facts.address;
        slot->deadline = facts.deadline;
        slot->fd = facts.fd;
        /* Asleep when it was come by, a few milliseconds at most after the start: so it was from the start on. */
        slot->stamp = seed.start;
        if (tries == 0)
            take_stack(slot, task);
    }
    slot->state = (__u16)state;
    return 1;
}

static __always_inline void rise(__u64 *value, __u64 *most)
{
    __u64 now = __sync_fetch_and_add(value, 1) + 1;

    if (now > *most)
        *most = now;
}

static __always_inline void count_process(struct totals *t, struct task_struct *task)
{
    if (mark_living(tgid_seen(task), 1))
        return;
    __sync_fetch_and_add(&t->processes, 1);
    rise(&t->live_processes, &t->max_live_processes);
}

static __always_inline void running_step(__s64 step)
{
    __u32 zero = 0;
    struct parallelism *p = bpf_map_lookup_elem(&parallel, &zero);

    if (!p)
        return;
    __sync_lock_test_and_set(&p->since, bpf_ktime_get_ns());
    __sync_fetch_and_add(&p->running, step);
}

/*
 * Fill a slot, publish it, and look whether the task has moved meanwhile. If so the slot is withdrawn for good: a
 * transition under way on another CPU may still write to it.
 *
 * @return 1: done, 0: it moved, -1: no slot, or it is on its way out
 */
static __always_inline int place(struct task_struct *task, struct totals *t, __u32 serial, int tries)
{
    struct moment before, after;
    __u16 *entry = slot_number(task->pid);
    struct slot *slot;
    __u32 number;
    __u16 state;

    number = (__u32)__sync_fetch_and_add(&t->fresh, 1);
    slot = number < max_slots ? slot_at(number) : 0;
    if (!entry || !slot) {
        __sync_fetch_and_add(&t->no_slot, 1);
        if (entry)
            *entry = NO_SLOT;
        return -1;
    }
    look(task, &before);
    if (before.exiting)
        return -1;
    state = state_of(&before);
    fill(slot, task, before.state, state, tries);
    slot->number = (__u16)number;
    slot->serial = serial;
    if (state == SLOT_RUNNING)
        running_step(1);
    asm volatile("" ::: "memory");
    *entry = (__u16)number;
    asm volatile("" ::: "memory");
    look(task, &after);
    if (is_same_moment(&before, &after) || *entry != number /* seen dying */)
        return 1;
    *entry = 0;
    if (slot->state == SLOT_RUNNING)
        running_step(-1);
    slot->state = SLOT_FREE;
    slot->task = 0;
    return 0;
}

/* Counted before it can be seen dying. */
static __always_inline int seed_thread(struct task_struct *task, struct totals *t)
{
    __u32 serial = (__u32)__sync_fetch_and_add(&t->threads, 1) + 1;
    int r = 0;

    rise(&t->live, &t->max_live);
    if (task->pid == task->tgid)
        count_process(t, task);
    for (int i = 0; i < TRIES && r == 0; i++)
        r = place(task, t, serial, i);
    if (r > 0)
        return r;
    __sync_fetch_and_add(&t->threads, -1);
    __sync_fetch_and_add(&t->live, -1);
    if (task->pid == task->tgid && mark_living(tgid_seen(task), 0)) {
        __sync_fetch_and_add(&t->processes, -1);
        __sync_fetch_and_add(&t->live_processes, -1);
    }
    return r;
}

/* The first thread of a process has ended, others have not: as on_exit() of switch.bpf.c leaves it. */
static __always_inline void seed_leaderless(struct task_struct *task, struct totals *t)
{
    __u32 tgid = task->tgid, one = 1;

    if (BPF_CORE_READ(task, signal, live.counter) <= 0 || bpf_map_lookup_elem(&leaderless, &tgid))
        return;
    bpf_map_update_elem(&leaderless, &tgid, &one, BPF_ANY);
    leaderless_seen = 1;
    count_process(t, task);
}

static __always_inline int is_known(struct task_struct *task)
{
    __u16 *entry = slot_number(task->pid);

    return slot_find(task) || (entry && *entry == NO_SLOT);
}

SEC("iter.s/task")
int on_task(struct bpf_iter__task *context)
{
    struct task_struct *task = context->task;
    struct totals *t = run_totals();
    struct moment moment;
    int r;

    if (!task || !t || task->flags & PF_KTHREAD)
        return 0;
    if (task->pid == task->tgid && pid_seen(task) == seed.root)
        seed.root_task = (__u64)task;
    if (!seed.root_task || is_known(task) || !is_of_target(task))
        return 0;
    look(task, &moment);
    if (moment.exit_state) {
        if (task->pid == task->tgid)
            seed_leaderless(task, t);
        return 0;
    }
    /* Whether it is the last of its process shows when it has gone. */
    if (moment.exiting) {
        seed.unsettled++;
        return 0;
    }
    /* Its birth is yet to be announced to sched_process_fork, which gives it a slot if its parent has one. */
    if (moment.state & TASK_NEW) {
        seed.unsettled++;
        return 0;
    }
    r = seed_thread(task, t);
    if (r == 0)
        seed.unsettled++;
    else if (r > 0)
        seed.fresh++;
    return 0;
}

/* Where the reader is: how deep its pid namespace is nested, and which number its `root` has in the first one. */
SEC("iter/task")
int on_find(struct bpf_iter__task *context)
{
    struct task_struct *task = context->task, *reader = bpf_get_current_task_btf();
    struct pid *pid, *own = BPF_CORE_READ(reader, thread_pid);
    __u32 level = BPF_CORE_READ(own, level), seen = 0;

    seed.level = level;
    if (!task || task->pid != task->tgid)
        return 0;
    pid = BPF_CORE_READ(task, thread_pid);
    if (BPF_CORE_READ(pid, level) < level)
        return 0;
    bpf_probe_read_kernel(&seen, sizeof(seen),
                          (void *)&pid->numbers[0].nr + (__u64)level * bpf_core_field_size(pid->numbers[0]));
    if (seen == seed.root)
        seed.root_first = task->pid;
    return 0;
}
