/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#pragma once

/*
 * slots: the maps that kernel and user space share (probe/bpf/abi.h says what is in them), how a task's slot is found,
 * and the per-CPU ring. User space sizes every map before loading; a max_entries of 1 here is a placeholder.
 */

/* Set by user space before loading. */
const volatile __u32 max_slots = 1;
const volatile __u32 ring_mask = 0;     /* records per CPU - 1 */
const volatile __u32 stack_mask = 0;    /* stack records per CPU - 1 */
const volatile __u32 obituary_mask = 0; /* obituaries per CPU - 1 */

/*
 * How deep the pid namespace of whoever reads is nested (struct pid.level). The maps go by the numbers of the first
 * one, as the kernel's own events do; what is told of threads and processes are the numbers that the reader sees.
 */
const volatile __u32 pid_level = 0;

/*
 * Slot number of each pid, four an entry (an array's entries are 8 bytes at least); 0: not of the target; NO_SLOT: of
 * the target, but there was no slot left. Such threads are counted, and what they start as well.
 */
#define NO_SLOT 0xffff /* beyond every max_slots */
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

/* Processes whose first thread has ended and others have not, by tgid: one of these may take over its id by exec. */
struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 1024);
    __type(key, __u32);
    __type(value, __u32);
} leaderless SEC(".maps");

__u32 leaderless_seen = 0; /* there has ever been one */

/* A bit for each tgid: set while the process counts as alive. Two threads that leave it at once may both be its last.
 */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u64);
} living SEC(".maps");

/* Whether a process counts as alive. @return whether it did until now */
static __always_inline int mark_living(__u32 tgid, int is)
{
    __u32 key = tgid >> 6;
    __u64 *bits = bpf_map_lookup_elem(&living, &key), bit = 1ULL << (tgid & 63);

    if (!bits)
        return 0;
    return ((is ? __sync_fetch_and_or(bits, bit) : __sync_fetch_and_and(bits, ~bit)) & bit) != 0;
}

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

static __always_inline struct totals *run_totals(void)
{
    __u32 zero = 0;

    return bpf_map_lookup_elem(&totals, &zero);
}

/* 0: the reader does not see it. */
static __always_inline __u32 pid_seen(const struct task_struct *task)
{
    struct pid *pid;
    __u32 seen = 0;

    if (!pid_level)
        return task->pid;
    pid = BPF_CORE_READ(task, thread_pid);
    if (BPF_CORE_READ(pid, level) >= pid_level)
        bpf_probe_read_kernel(&seen, sizeof(seen),
                              (void *)&pid->numbers[0].nr + (__u64)pid_level * bpf_core_field_size(pid->numbers[0]));
    return seen;
}

static __always_inline __u32 tgid_seen(const struct task_struct *task)
{
    return pid_level ? pid_seen(BPF_CORE_READ(task, group_leader)) : (__u32)task->tgid;
}

/* Does a thread know itself under the number that the reader sees? Not where it is in a pid namespace further in. */
static __always_inline int knows_own_number(const struct task_struct *task)
{
    return BPF_CORE_READ(task, thread_pid, level) == pid_level;
}

struct slot_search {
    __u64 task;
    __u32 number;
};

static long slot_compare(__u32 number, struct slot_search *search)
{
    struct slot *slot = slot_at(number);

    if (!slot)
        return 1;
    if (slot->task != search->task || slot->state == SLOT_FREE)
        return 0;
    search->number = number;
    return 1;
}

/* By the address of the task alone; 0: none. For the few events of a thread whose id does not lead to its slot. */
static __noinline __u32 slot_search(__u64 task)
{
    struct slot_search search = {.task = task};
    struct totals *t = run_totals();

    if (t)
        bpf_loop((__u32)t->fresh, slot_compare, &search, 0);
    return search.number;
}

static __always_inline int is_leaderless(__u32 tgid)
{
    return bpf_map_lookup_elem(&leaderless, &tgid) != 0;
}

/*
 * An id does not lead to the thread's slot where two tasks are about to swap theirs or have just done so: a thread that
 * calls exec takes over the id of the first one, which may still be on its way out (fs/exec.c, de_thread()); and where
 * an id was given away again before its last owner had left its CPU. In both the entry is one of the same group id.
 */
static __always_inline struct slot *slot_find_moved(struct task_struct *task, const struct slot *other)
{
    __u32 number, tgid = (__u32)task->tgid;

    if (other ? other->tgid != tgid : (__u32)task->pid != tgid || !is_leaderless(tgid))
        return 0;
    number = slot_search((__u64)task);
    return number ? slot_at(number) : 0;
}

/* The slot of a task; NULL: not of the target. A stale entry of a reused pid does not count. */
static __always_inline struct slot *slot_find(struct task_struct *task)
{
    __u16 *number = slot_number(task->pid);
    struct slot *slot;

    if (!number)
        return 0;
    if (!*number)
        return leaderless_seen ? slot_find_moved(task, 0) : 0;
    slot = slot_at(*number);
    if (slot && (slot->task == (__u64)task || slot->state == SLOT_HELD))
        return slot;
    return slot ? slot_find_moved(task, slot) : 0;
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
