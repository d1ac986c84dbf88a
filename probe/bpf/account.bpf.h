/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#pragma once

/*
 * account: the transitions of a thread between its three states, and what each closes into which bucket.
 *
 * The picture is at the top of switch.bpf.c. What the thread waits for is read by cause.bpf.h.
 */

const volatile __u8 light = 0; /* set by user space before loading: totals alone; no slices, and wakings are not seen */

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
    if (kind < WAIT_FUTEX_MUTEX || kind > WAIT_FUTEX_TIMEOUT)
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
    struct record *r;

    if (light)
        return;
    r = ring_reserve(&head);
    if (r) {
        r->time = now;
        r->tid = slot->tid;
        r->tgid = slot->tgid;
        r->type = RECORD_SLICE;
        r->serial_low = (__u8)slot->serial;
        r->kind = (__u8)slot->kind;
        r->stack_shift = (__u8)slot->stack_shift;
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
    slot->stack_shift = 0;
    slot->waker_tid = 0;
    slot->waker_tgid = 0;
    slot->waker_on_cpu_ns = 0;
}

static __always_inline void emit_event(__u8 type, __u64 now, __u32 tid, __u32 tgid, __u32 other, __u64 value,
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
__noinline int repair_missed_switch_in(struct slot *slot, __u64 now, __u64 ran)
{
    __u64 rest;

    if (!slot)
        return 0;
    rest = now - slot->stamp - ran;
    if (slot->state == SLOT_BLOCKED) {
        account_blocked(slot, resolve_kind(slot->kind, 0, 0), rest);
        emit_slice(slot, now - ran);
    } else {
        slot->runnable_ns += rest;
        slot->slice_runnable_ns += rest;
    }
    slot->repaired++;
    slot->repaired_ns += ran;
    return 0;
}

__noinline int bury(struct slot *slot, __u32 number)
{
    __u32 zero = 0;
    struct grave *grave = bpf_map_lookup_elem(&graves, &zero);
    struct ring_head *head;
    struct totals *t = run_totals();
    struct slot *copy;
    __u32 cpu, key;

    if (!slot)
        return 0;
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
            copy->task = copy->registers = 0; /* the kernel's addresses are nobody else's business */
            asm volatile("" ::: "memory");
            head->obituaries++;
        }
    }
    if (t)
        __sync_fetch_and_add(&t->live, -1);
    slot->state = SLOT_FREE;
    slot->task = 0;
    bpf_map_push_elem(&free_slots, &number, BPF_ANY);
    return 0;
}

/* An id that has been given away in the meantime is no longer this slot's to clear. */
static __always_inline void slot_leave(__u32 pid, __u32 number)
{
    __u16 *entry = slot_number(pid);

    if (entry && *entry == number)
        *entry = 0;
}

static __always_inline void thread_died(struct slot *slot, struct task_struct *task, __u64 now)
{
    __u32 number = slot->number;

    slot->death = now;
    slot->utime = task->utime;
    slot->stime = task->stime;
    slot->kind = WAIT_EXIT;
    if (bpf_core_field_exists(task->ioac.rchar)) {
        slot->rchar = task->ioac.rchar;
        slot->wchar = task->ioac.wchar;
        slot->syscr = task->ioac.syscr;
        slot->syscw = task->ioac.syscw;
    }
    bpf_probe_read_kernel(&slot->comm, sizeof(slot->comm), task->comm);
    emit_slice(slot, now);
    slot_leave(slot->tid, number);
    if ((__u32)task->pid != slot->tid)
        slot_leave(task->pid, number);
    bury(slot, number);
}

/* Stamps of two CPUs, and of switches and wakings, differ by a fraction of a microsecond: no stretch is negative. */
static __always_inline __u64 not_before(const struct slot *slot, __u64 now)
{
    return now > slot->stamp ? now : slot->stamp;
}

static __always_inline void switch_out(void *context, struct slot *slot, struct task_struct *task, unsigned int state,
                                       __u64 now)
{
    struct wait_facts facts = {};
    __u64 on;

    now = not_before(slot, now);
    on = now - slot->stamp;
    if (slot->state != SLOT_RUNNING) {
        __u64 ran = task->se.sum_exec_runtime - slot->exec_base;

        if (on > ran)
            on = ran;
        repair_missed_switch_in(slot, now, on);
    }
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
    read_wait(task, user_registers(task, slot), state, slot->call_kind, now, &facts);
    slot->kind = facts.kind;
    if (facts.kind != WAIT_UNKNOWN && facts.kind != WAIT_STOPPED && facts.kind != WAIT_FAULT)
        slot->call_kind = facts.kind;
    slot->address = facts.address;
    slot->deadline = facts.deadline;
    slot->fd = facts.fd;
    if (slot->kind >= WAIT_FUTEX_MUTEX && slot->kind <= WAIT_FUTEX_PI) {
        /* The address of a futex word tells where a program with rights of its own lies in memory. */
        if (!may_read())
            slot->address = 0;
        else if (pythons_seen || rubies_seen)
            slot->kind = (__u16)runtime_kind(slot);
    }
    stack_at_wait(context, slot, now);
    asm volatile("" ::: "memory"); /* a waking on another CPU that sees BLOCKED must see the stamp */
    slot->state = SLOT_BLOCKED;
}

/* @param who  as in resolve_kind() */
static __always_inline void wait_ended(struct slot *slot, __u64 now, int who)
{
    __u64 ns = now > slot->stamp ? now - slot->stamp : 0;
    int timed_out = slot->deadline && now + DEADLINE_SLACK_NS >= slot->deadline;

    if (timed_out) { /* the timer interrupts whom it may: that is not who ended the wait */
        who = 0;
        slot->waker_tid = 0;
        slot->waker_tgid = 0;
        slot->waker_on_cpu_ns = 0;
    }
    account_blocked(slot, resolve_kind(slot->kind, timed_out, who), ns);
    slot->stamp += ns;
}

/* The life of the root starts when its launcher lets it go. */
static __always_inline void root_released(struct slot *slot, struct task_struct *task, __u64 now)
{
    slot->birth = now;
    slot->stamp = now;
    slot->task = (__u64)task;
    slot->exec_base = task->se.sum_exec_runtime;
    slot->state = SLOT_RUNNABLE;
}

/* How long a thread that gets its CPU has been runnable: by the scheduler's own account (kernel/sched/stats.h). */
static __always_inline __u64 queued_ns(const struct slot *slot, struct task_struct *next, __u64 now)
{
    __u64 clock, since;

    if (!bpf_core_field_exists(next->sched_info.last_queued) || !bpf_core_field_exists(next->se.cfs_rq))
        return 0;
    clock = next->se.cfs_rq->rq->clock;
    since = next->sched_info.last_queued;
    if (!since || since > clock)
        return 0;
    return clock - since < now - slot->stamp ? clock - since : now - slot->stamp;
}

static __always_inline void switch_in(struct slot *slot, struct task_struct *next, __u64 now)
{
    now = not_before(slot, now);
    if (light && slot->state == SLOT_BLOCKED) {
        wait_ended(slot, now - queued_ns(slot, next, now), 0);
        slot->state = SLOT_RUNNABLE;
    }
    if (!light && slot->state == SLOT_BLOCKED) {
        /*
         * The waking came while the thread was on its way out (its CPU had not reported the switch yet). How long that
         * takes is up to the hypervisor, who may halt a CPU in the midst of it.
         */
        int early = slot->early_wake != 0;

        wait_ended(slot, early ? slot->stamp : now, 0);
        if (!early)
            slot->repaired++;
        slot->state = SLOT_RUNNABLE;
    }
    if (slot->state == SLOT_RUNNABLE) {
        slot->runnable_ns += now - slot->stamp;
        slot->slice_runnable_ns += now - slot->stamp;
        if (slot->slice_blocked_ns)
            emit_slice(slot, now);
    } else if (slot->state == SLOT_NEW) {
        slot->birth = now;
    }
    slot->early_wake = 0;
    slot->stamp = now;
    slot->state = SLOT_RUNNING;
}
