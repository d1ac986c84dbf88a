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
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "probe/bpf/abi.h"

#include "probe/bpf/cause.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Set by user space before loading. */
const volatile __u32 max_slots = 1;
const volatile __u32 ring_mask = 0;     /* records per CPU - 1 */
const volatile __u32 stack_mask = 0;    /* stack records per CPU - 1 */
const volatile __u32 obituary_mask = 0; /* obituaries per CPU - 1 */
const volatile __u32 pid_limit = 32768;
const volatile __u32 cpu_limit = 1;

/* Slot number of each pid, four an entry (an array's entries are 8 bytes at least); 0: not of the target. */
struct slot_quad {
    __u16 of[4];
};

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct slot_quad);
} slot_of SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct slot);
} slots SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_QUEUE);
    __uint(max_entries, 1);
    __uint(value_size, sizeof(__u32));
} free_slots SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct ring_head);
} heads SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct record);
} records SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct slot);
} obituaries SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct totals);
} totals SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct grave);
} graves SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct parallelism);
} parallel SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 1);
    __type(key, struct futex_key);
    __type(value, struct futex_value);
} futexes SEC(".maps");

static __always_inline __u16 *slot_number(__u32 pid)
{
    __u32 key = pid >> 2;
    struct slot_quad *quad = bpf_map_lookup_elem(&slot_of, &key);

    return quad ? &quad->of[pid & 3] : 0;
}

static __always_inline struct slot *slot_at(__u32 number)
{
    return bpf_map_lookup_elem(&slots, &number);
}

/* The slot of a task; NULL: not of the target. A stale entry of a reused pid does not count. */
static __always_inline struct slot *slot_find(struct task_struct *task)
{
    __u16 *number = slot_number(task->pid);
    struct slot *slot;

    if (!number || !*number)
        return 0;
    slot = slot_at(*number);
    return slot && (slot->task == (__u64)task || !slot->task) ? slot : 0;
}

static __always_inline struct totals *run_totals(void)
{
    __u32 zero = 0;

    return bpf_map_lookup_elem(&totals, &zero);
}

static __always_inline struct ring_head *ring_head(__u32 *ret_cpu)
{
    *ret_cpu = bpf_get_smp_processor_id();
    return bpf_map_lookup_elem(&heads, ret_cpu);
}

/*
 * The next record of this CPU's ring, or NULL. The writer never waits: a slow reader finds records overwritten and
 * counts them. ring_publish() makes the record visible.
 */
static __always_inline struct record *ring_reserve(struct ring_head **ret_head)
{
    __u32 cpu, key;

    *ret_head = ring_head(&cpu);
    if (!*ret_head)
        return 0;
    key = cpu * (ring_mask + 1) + ((__u32)(*ret_head)->records & ring_mask);
    return bpf_map_lookup_elem(&records, &key);
}

static __always_inline void ring_publish(struct ring_head *head)
{
    asm volatile("" ::: "memory"); /* x86 keeps the order of stores; the compiler must, too */
    head->records++;
}

#include "probe/bpf/cpython.bpf.h"

/* One more (or one fewer) thread of the target on a CPU. */
static __always_inline void parallelism_step(__u64 now, __s64 step)
{
    __u32 zero = 0;
    struct parallelism *p = bpf_map_lookup_elem(&parallel, &zero);
    __u64 running, since;

    if (!p)
        return;
    since = __sync_lock_test_and_set(&p->since, now);
    running = __sync_fetch_and_add(&p->running, step);
    if (running >= PARALLELISM_MAX)
        running = PARALLELISM_MAX - 1;
    if (since && now > since)
        __sync_fetch_and_add(&p->time_ns[running], now - since);
}

static __always_inline void account_blocked(struct slot *slot, __u16 kind, __u64 ns)
{
    struct futex_value *value, fresh = {};
    struct futex_key key = {};

    if (kind >= WAIT_KIND_COUNT)
        kind = WAIT_UNKNOWN;
    slot->blocked_ns[kind] += ns;
    slot->blocked_count[kind]++;
    slot->slice_blocked_ns = ns;
    slot->kind = kind;
    if (kind < WAIT_FUTEX_MUTEX || kind > WAIT_FUTEX_PI)
        return;
    key.tid = slot->tid;
    key.kind = kind;
    key.address = slot->address;
    value = bpf_map_lookup_elem(&futexes, &key);
    if (value) { /* only this thread's own waits come here, one at a time */
        value->wait_ns += ns;
        value->waits++;
        return;
    }
    fresh.wait_ns = ns;
    fresh.waits = 1;
    fresh.tgid = slot->tgid;
    if (bpf_map_update_elem(&futexes, &key, &fresh, BPF_NOEXIST)) {
        struct totals *t = run_totals();

        if (t)
            __sync_fetch_and_add(&t->futex_unnamed, 1);
    }
}

static __always_inline void emit_slice(struct slot *slot, __u64 now)
{
    struct ring_head *head;
    struct record *r = ring_reserve(&head);

    if (r) {
        r->time = now;
        r->tid = slot->tid;
        r->tgid = slot->tgid;
        r->type = RECORD_SLICE;
        r->kind = slot->kind;
        r->other_tid = slot->waker_tid;
        r->on_cpu_ns = slot->slice_on_cpu_ns;
        r->runnable_ns = slot->slice_runnable_ns;
        r->blocked_ns = slot->slice_blocked_ns;
        r->other_on_cpu_ns = slot->waker_on_cpu_ns;
        r->stack_id = slot->stack_id;
        r->address_low = (__u32)slot->address;
        ring_publish(head);
    }
    slot->slice_on_cpu_ns = 0;
    slot->slice_runnable_ns = 0;
    slot->slice_blocked_ns = 0;
    slot->stack_id = 0;
    slot->waker_tid = 0;
    slot->waker_tgid = 0;
    slot->waker_on_cpu_ns = 0;
}

static __always_inline void emit_event(__u16 type, __u64 now, __u32 tid, __u32 tgid, __u32 other, __u64 value,
                                       __u64 other_value)
{
    struct ring_head *head;
    struct record *r = ring_reserve(&head);

    if (!r)
        return;
    __builtin_memset(r, 0, sizeof(*r));
    r->time = now;
    r->tid = tid;
    r->tgid = tgid;
    r->type = type;
    r->other_tid = other;
    r->on_cpu_ns = value;
    r->other_on_cpu_ns = other_value;
    ring_publish(head);
}

/*
 * A thread that is switched out although no switch-in was seen (some machines hide events from BPF, FACTS 1): the
 * kernel's own CPU counter tells how much of the stretch was on-CPU; the rest stays in the state it was in.
 */
static __always_inline __u64 repair_missed_switch_in(struct slot *slot, struct task_struct *task, __u64 now)
{
    __u64 gap = now - slot->stamp, ran = task->se.sum_exec_runtime - slot->exec_base;
    __u64 rest;

    if (ran > gap)
        ran = gap;
    rest = gap - ran;
    if (slot->state == SLOT_BLOCKED) {
        account_blocked(slot, resolve_kind(slot->kind, 0, 0), rest);
        emit_slice(slot, now - ran);
    } else {
        slot->runnable_ns += rest;
        slot->slice_runnable_ns += rest;
    }
    slot->repaired++;
    slot->repaired_ns += ran;
    return ran;
}

static __always_inline void bury(struct slot *slot, __u32 number)
{
    __u32 zero = 0;
    struct grave *grave = bpf_map_lookup_elem(&graves, &zero);
    struct ring_head *head;
    struct totals *t = run_totals();
    struct slot *copy;
    __u32 cpu, key;

    if (grave) {
        grave->threads++;
        grave->lifetime_ns += slot->death - slot->birth;
        grave->on_cpu_ns += slot->on_cpu_ns;
        grave->runnable_ns += slot->runnable_ns;
        grave->utime += slot->utime;
        grave->stime += slot->stime;
        grave->voluntary += slot->voluntary;
        grave->involuntary += slot->involuntary;
        grave->repaired += slot->repaired;
        grave->repaired_ns += slot->repaired_ns;
        for (int i = 0; i < WAIT_KIND_COUNT; i++) {
            grave->blocked_ns[i] += slot->blocked_ns[i];
            grave->blocked_count[i] += slot->blocked_count[i];
        }
    }
    head = ring_head(&cpu);
    if (head) {
        key = cpu * (obituary_mask + 1) + ((__u32)head->obituaries & obituary_mask);
        copy = bpf_map_lookup_elem(&obituaries, &key);
        if (copy) {
            __builtin_memcpy(copy, slot, sizeof(*copy));
            asm volatile("" ::: "memory");
            head->obituaries++;
        }
    }
    if (t) {
        __sync_fetch_and_add(&t->live, -1);
        if (slot->is_process)
            __sync_fetch_and_add(&t->live_processes, -1);
    }
    slot->state = SLOT_FREE;
    slot->task = 0;
    bpf_map_push_elem(&free_slots, &number, BPF_ANY);
}

static __always_inline void thread_died(struct slot *slot, struct task_struct *task, __u64 now)
{
    __u16 *entry = slot_number(slot->tid);
    __u32 number;

    slot->death = now;
    slot->utime = task->utime;
    slot->stime = task->stime;
    slot->kind = WAIT_EXIT;
    bpf_probe_read_kernel(&slot->comm, sizeof(slot->comm), task->comm);
    emit_slice(slot, now);
    if (!entry)
        return;
    number = *entry;
    *entry = 0;
    bury(slot, number);
}

static __always_inline void switch_out(struct slot *slot, struct task_struct *task, unsigned int state, __u64 now)
{
    struct wait_facts facts = {};
    __u64 on;

    if (slot->state == SLOT_RUNNING)
        on = now - slot->stamp;
    else
        on = repair_missed_switch_in(slot, task, now);
    slot->on_cpu_ns += on;
    slot->slice_on_cpu_ns += on;
    slot->exec_base = task->se.sum_exec_runtime;
    slot->stamp = now;
    if (state & TASK_DEAD) {
        thread_died(slot, task, now);
        return;
    }
    if (!state) {
        slot->state = SLOT_RUNNABLE;
        slot->involuntary++;
        return;
    }
    slot->voluntary++;
    read_wait(task, state, slot->kind, now, &facts);
    slot->kind = facts.kind;
    slot->address = facts.address;
    slot->deadline = facts.deadline;
    python_stack_at_wait(slot, task, now);
    asm volatile("" ::: "memory"); /* a waking on another CPU that sees BLOCKED must see the stamp */
    slot->state = SLOT_BLOCKED;
}

/* @param who  as in resolve_kind() */
static __always_inline void wait_ended(struct slot *slot, __u64 now, int who)
{
    __u64 ns = now > slot->stamp ? now - slot->stamp : 0;
    int timed_out = slot->deadline && now + DEADLINE_SLACK_NS >= slot->deadline;

    account_blocked(slot, resolve_kind(slot->kind, timed_out, who), ns);
    slot->stamp += ns;
}

static __always_inline void switch_in(struct slot *slot, __u64 now)
{
    if (slot->state == SLOT_BLOCKED) {
        /* The waking came while the thread was on its way out (its CPU had not reported the switch yet). */
        int early = slot->early_wake && slot->early_wake + 20000 > slot->stamp;

        wait_ended(slot, early ? slot->stamp : now, 0);
        if (!early)
            slot->repaired++;
        slot->state = SLOT_RUNNABLE;
    }
    if (slot->state == SLOT_RUNNABLE) {
        __u64 ns = now > slot->stamp ? now - slot->stamp : 0;

        slot->runnable_ns += ns;
        slot->slice_runnable_ns += ns;
        if (slot->slice_blocked_ns)
            emit_slice(slot, now);
    } else if (slot->state == SLOT_NEW || slot->state == SLOT_HELD) {
        slot->birth = now;
    }
    slot->early_wake = 0;
    slot->stamp = now;
    slot->state = SLOT_RUNNING;
}

SEC("tp_btf/sched_switch")
int BPF_PROG(on_switch, _Bool preempt, struct task_struct *prev, struct task_struct *next, unsigned int prev_state)
{
    struct slot *slot = slot_find(prev);
    __u64 now = 0;
    __s64 step = 0;

    if (slot && slot->state != SLOT_HELD) {
        now = bpf_ktime_get_ns();
        step -= slot->state == SLOT_RUNNING; /* a missed switch-in was not counted either */
        switch_out(slot, prev, prev_state, now);
    }
    slot = slot_find(next);
    if (slot && slot->state != SLOT_HELD) {
        if (!now)
            now = bpf_ktime_get_ns();
        step += slot->state != SLOT_RUNNING;
        switch_in(slot, now);
    }
    if (step)
        parallelism_step(now, step);
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
        /* The release of the root: its life starts here. */
        slot->birth = now;
        slot->stamp = now;
        slot->task = (__u64)task;
        slot->exec_base = task->se.sum_exec_runtime;
        slot->state = SLOT_RUNNABLE;
        return 0;
    }
    current = bpf_get_current_task_btf();
    waker = slot_find(current);
    if (waker) {
        who = waker->tgid == slot->tgid ? 1 : 2;
        slot->waker_tid = waker->tid;
        slot->waker_tgid = waker->tgid;
        slot->waker_on_cpu_ns = waker->on_cpu_ns + (waker->state == SLOT_RUNNING ? now - waker->stamp : 0);
    }
    wait_ended(slot, now, who);
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
    python_sample(slot, task, bpf_ktime_get_ns());
    return 0;
}
