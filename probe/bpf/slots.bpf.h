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
