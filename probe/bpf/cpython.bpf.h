/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#pragma once

/*
 * cpython: the Python frames of the current thread and of whoever holds the interpreter lock it waits for, and whether
 * it holds that lock itself.
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

/*
 * Functions that are not static are verified once, whatever leads to them. They take what may be NULL, and numbers.
 */

/* The PyThreadState of the thread with this FS base; 0: it has none. */
__noinline __u64 python_tstate(struct python_process *process, __u64 fsbase)
{
    struct python_key_search search = {};
    __u64 tstate;
    __u32 key;

    if (!process)
        return 0;
    search.thread_id = process->walk.tstate_thread_id;
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
        state->stack->frame[n] = frame;
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

/* What a stack is taken for: the fields that its halves share. */
struct stack_request {
    __u64 now;
    __u32 id; /* never 0 */
    __u32 tid;
    __u32 tgid;
    __u8 role; /* enum stack_role */
    __u8 lock_held;
    __u16 pad; /* it is handed over as a whole: no byte may be unwritten */
};

/* Write the frames of a tstate of the current address space. @return 1 when a record was written */
__noinline int python_record(struct python_process *process, struct stack_request *request, __u64 tstate)
{
    struct stack_record *stack;
    struct ring_head *head;
    __u32 cpu, key;

    if (!process || !request)
        return 0;
    head = ring_head(&cpu);
    if (!head)
        return 0;
    key = cpu * (stack_mask + 1) + ((__u32)head->stacks & stack_mask);
    stack = bpf_map_lookup_elem(&stacks, &key);
    if (!stack)
        return 0;
    stack->time = request->now;
    stack->id = request->id;
    stack->tid = request->tid;
    stack->tgid = request->tgid;
    stack->role = request->role;
    stack->lock_held = request->lock_held;
    stack->timers = head->timers;
    if (request->role != STACK_WAIT)
        stack->timers.known = 0;
    python_walk(process, python_first_frame(process, tstate), stack);
    asm volatile("" ::: "memory");
    head->stacks++;
    return 1;
}

static __always_inline int python_in_runtime(const struct python_process *process, __u64 address)
{
    return process->runtime && address >= process->runtime && address < process->runtime_end;
}

/* The GIL of a tstate's interpreter; 0: not known. */
static __always_inline __u64 python_gil(const struct python_process *process, __u64 tstate)
{
    if (process->walk.interp_gil)
        return read_user_u64(read_user_u64(tstate + process->walk.tstate_interp) + process->walk.interp_gil);
    if (process->runtime && process->walk.runtime_gil)
        return process->runtime + process->walk.runtime_gil;
    return 0;
}

/* A futex wait of a thread of a sub-interpreter with a GIL of its own (3.12+): for that GIL? */
static __always_inline int python_waits_for_own_gil(__u32 tgid, struct task_struct *task, __u64 address)
{
    struct python_process *process = bpf_map_lookup_elem(&pythons, &tgid);
    __u64 tstate, gil;

    if (!process || !process->walk.interp_gil || python_in_runtime(process, address))
        return 0;
    tstate = python_tstate(process, task->thread.fsbase);
    if (!tstate)
        return 0;
    gil = python_gil(process, tstate);
    return gil && address - gil < process->walk.gil_size;
}

/*
 * The Python half of a stack of the current thread. When it waits for the GIL, the frames of the thread that has it are
 * a record of their own with the same id.
 *
 * @param wait_address  futex word it waits for; 0: none
 * @return number of records written
 */
static __always_inline int python_stack(struct python_process *process, struct stack_request *request, __u64 fsbase,
                                        __u64 wait_address)
{
    __u64 tstate = python_tstate(process, fsbase), gil, holder;
    int n;

    if (!tstate)
        return 0;
    n = python_record(process, request, tstate);
    if (!wait_address)
        return n;
    gil = python_gil(process, tstate);
    if (!gil || (!python_in_runtime(process, wait_address) && wait_address - gil >= process->walk.gil_size))
        return n;
    holder = read_user_u64(gil + process->walk.gil_last_holder);
    if (!holder || holder == tstate)
        return n;
    request->role = STACK_HOLDER;
    request->tid = 0;
    return n + python_record(process, request, holder);
}

/* At a tick: does the current thread hold the lock? Counts it. */
static __always_inline int python_count_sample(struct python_process *process, struct slot *slot, __u64 fsbase)
{
    __u64 tstate = python_tstate(process, fsbase);
    int held = tstate && python_holds_lock(process, tstate);

    if (held)
        slot->lock_held_samples++;
    return held;
}
