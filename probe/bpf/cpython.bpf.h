/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#pragma once

/*
 * cpython: the Python frames of the current thread, and whether it holds the interpreter lock.
 *
 * Walks as probe/runtime/cpython_walk.h describes. User space registers each CPython process once it has read its
 * maps; a fork inherits its parent's entry, an exec drops it.
 */

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, 4096);
    __type(key, __u32);
    __type(value, struct python_process);
} pythons SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct stack_record);
} stacks SEC(".maps");

/* Number of registered processes ever: while it is 0, nothing here costs anything. */
__u32 pythons_seen;

/*
 * At most a thousand stacks a second and thread, in bursts of up to 16 (a token bucket: last_stack is the time up to
 * which tokens are spent), so that a long wait right after a short one is not missed. User space weights the rest.
 */
#define STACK_INTERVAL_NS 1000000ULL
#define STACK_BURST_NS (16 * STACK_INTERVAL_NS)

static __always_inline __u64 read_user_u64(__u64 address)
{
    __u64 value = 0;

    return bpf_probe_read_user(&value, sizeof(value), (void *)address) ? 0 : value;
}

static __always_inline __u32 read_user_u32(__u64 address)
{
    __u32 value = 0;

    return bpf_probe_read_user(&value, sizeof(value), (void *)address) ? 0 : value;
}

static __always_inline void python_fork(__u32 parent, __u32 child)
{
    struct python_process *process;

    if (!pythons_seen)
        return;
    process = bpf_map_lookup_elem(&pythons, &parent);
    if (process)
        bpf_map_update_elem(&pythons, &child, process, BPF_ANY);
}

static __always_inline void python_exec(__u32 tgid)
{
    if (pythons_seen)
        bpf_map_delete_elem(&pythons, &tgid);
}

struct python_key_search {
    __u64 fsbase;
    __u64 thread_id; /* offset */
    __u64 tstate;
};

/* Python 3.6 has no _PyRuntime to name the key: a tstate is known by pointing back at its thread. */
static long python_try_key(__u32 key, struct python_key_search *search)
{
    __u64 tstate = read_user_u64(search->fsbase + CPYTHON_TLS_BLOCK + key * 16 + 8);

    if (!tstate || read_user_u64(tstate + search->thread_id) != search->fsbase)
        return 0;
    search->tstate = tstate;
    return 1;
}

/* The PyThreadState of the thread with this FS base; 0: it has none. */
static __always_inline __u64 python_tstate(const struct python_process *process, __u64 fsbase)
{
    struct python_key_search search = {.thread_id = process->walk.tstate_thread_id};
    __u64 tstate;
    __u32 key;

    if (process->walk.runtime_tss_key) {
        key = read_user_u32(process->runtime + process->walk.runtime_tss_key);
        if (key >= CPYTHON_TLS_KEYS)
            return 0;
        tstate = read_user_u64(fsbase + CPYTHON_TLS_BLOCK + key * 16 + 8);
        if (tstate && read_user_u64(tstate + process->walk.tstate_thread_id) == fsbase)
            return tstate;
        return 0;
    }
    search.fsbase = fsbase;
    bpf_loop(CPYTHON_TLS_KEYS, python_try_key, &search, 0);
    return search.tstate;
}

static __always_inline int python_holds_lock(const struct python_process *process, __u64 tstate)
{
    if (process->walk.tstate_status)
        return (read_user_u32(tstate + process->walk.tstate_status) & process->walk.status_active) != 0;
    if (process->walk.runtime_tstate_current)
        return read_user_u64(process->runtime + process->walk.runtime_tstate_current) == tstate;
    return 0;
}

static __always_inline __u64 python_first_frame(const struct python_process *process, __u64 tstate)
{
    __u64 frame = read_user_u64(tstate + process->walk.tstate_frame);

    if (process->walk.frame_access == CPYTHON_FRAME_CFRAME)
        frame = read_user_u64(frame + process->walk.cframe_current);
    return frame;
}

struct python_walk_state {
    const struct python_process *process;
    struct stack_record *stack;
    __u64 frame;
};

/*
 * One frame. Verified once by way of bpf_loop(): unrolled, the two ways through it would multiply. The count is kept in
 * the record, which is map memory: the verifier does not follow its value and sees the second round equal the first.
 */
static long python_walk_step(__u32 index, struct python_walk_state *state)
{
    const struct cpython_walk_config *walk = &state->process->walk;
    __u64 frame = state->frame;
    __u32 n = state->stack->n_frames;
    __u8 owner = 0;

    if (!frame || n >= STACK_DEPTH)
        return 1;
    if (walk->frame_owner)
        bpf_probe_read_user(&owner, sizeof(owner), (void *)(frame + walk->frame_owner));
    if (!walk->frame_owner || owner != walk->owner_c_shim) {
        state->stack->code[n] = read_user_u64(frame + walk->frame_code);
        state->stack->instr[n] = walk->frame_instr_size == 8 ? read_user_u64(frame + walk->frame_instr)
                                                             : read_user_u32(frame + walk->frame_instr);
        state->stack->n_frames = (__u16)(n + 1);
    }
    state->frame = read_user_u64(frame + walk->frame_previous);
    return 0;
}

static __always_inline void python_walk(const struct python_process *process, __u64 frame, struct stack_record *stack)
{
    struct python_walk_state state = {.process = process, .stack = stack, .frame = frame};

    stack->n_frames = 0;
    bpf_loop(STACK_DEPTH + 12, python_walk_step, &state, 0);
}

/*
 * Take the current thread's Python stack.
 *
 * @param id  joins it to a SLICE; 0: an on-CPU sample
 * @return 1 when a record was written
 */
static __always_inline int python_stack(const struct python_process *process, struct slot *slot, __u64 tstate,
                                        __u64 now, __u32 id, int lock_held)
{
    struct stack_record *stack;
    struct ring_head *head;
    __u32 cpu, key;

    head = ring_head(&cpu);
    if (!head)
        return 0;
    key = cpu * (stack_mask + 1) + ((__u32)head->stacks & stack_mask);
    stack = bpf_map_lookup_elem(&stacks, &key);
    if (!stack)
        return 0;
    stack->time = now;
    stack->id = id;
    stack->tid = slot->tid;
    stack->tgid = slot->tgid;
    stack->lock_held = (__u16)lock_held;
    python_walk(process, python_first_frame(process, tstate), stack);
    asm volatile("" ::: "memory");
    head->stacks++;
    return 1;
}

__u32 next_stack_id;

static __always_inline void python_stack_at_wait(struct slot *slot, struct task_struct *task, __u64 now)
{
    struct python_process *process;
    __u32 tgid = slot->tgid, id;
    __u64 tstate;

    if (!pythons_seen || slot->last_stack > now)
        return;
    if (slot->kind == WAIT_EXIT || slot->kind == WAIT_EXEC || slot->kind == WAIT_FAULT)
        return;
    process = bpf_map_lookup_elem(&pythons, &tgid);
    if (!process)
        return;
    if (slot->last_stack + STACK_BURST_NS < now)
        slot->last_stack = now - STACK_BURST_NS;
    slot->last_stack += STACK_INTERVAL_NS;
    tstate = python_tstate(process, task->thread.fsbase);
    if (!tstate)
        return;
    id = __sync_fetch_and_add(&next_stack_id, 1) + 1;
    if (python_stack(process, slot, tstate, now, id, 0))
        slot->stack_id = id;
}

/* An on-CPU sample: count whether the lock is held, keep the stack. */
static __always_inline void python_sample(struct slot *slot, struct task_struct *task, __u64 now)
{
    struct python_process *process;
    __u32 tgid = slot->tgid;
    __u64 tstate;
    int held;

    if (!pythons_seen)
        return;
    process = bpf_map_lookup_elem(&pythons, &tgid);
    if (!process)
        return;
    tstate = python_tstate(process, task->thread.fsbase);
    if (!tstate)
        return;
    held = python_holds_lock(process, tstate);
    if (held)
        slot->lock_held_samples++;
    python_stack(process, slot, tstate, now, 0, held);
}
