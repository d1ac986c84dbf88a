/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#pragma once

/*
 * ruby: what a thread of Ruby waits for on its own condition variable: the lock, time, or another thread.
 *
 * Resolves as struct ruby_process (probe/bpf/abi.h) describes. User space registers each Ruby process once it has read
 * its maps; a fork inherits its parent's entry, an exec drops it.
 */

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, 4096);
    __type(key, __u32);
    __type(value, struct ruby_process);
} rubies SEC(".maps");

/* Number of registered processes ever: while it is 0, nothing here costs anything. */
__u32 rubies_seen;

static __always_inline void ruby_fork(__u32 parent, __u32 child)
{
    struct ruby_process *process;

    if (!rubies_seen)
        return;
    process = bpf_map_lookup_elem(&rubies, &parent);
    if (process)
        bpf_map_update_elem(&rubies, &child, process, BPF_ANY);
}

static __always_inline void ruby_exec(__u32 tgid)
{
    if (rubies_seen)
        bpf_map_delete_elem(&rubies, &tgid);
}

/* @return enum wait_kind of a futex wait, or 0: not one of Ruby's own */
static __always_inline __u16 ruby_kind(__u32 tgid, __u64 address)
{
    struct ruby_process *process = bpf_map_lookup_elem(&rubies, &tgid);
    __u64 vm, thread;

    if (!process)
        return 0;
    vm = read_user_u64(process->vm_pointer);
    if (!vm)
        return 0;
    thread = address - process->th_cond[0];
    if (read_user_u64(thread + process->th_vm) != vm) {
        thread = address - process->th_cond[1];
        if (read_user_u64(thread + process->th_vm) != vm)
            return 0;
    }
    switch (read_user_u32(thread + process->th_status) & 3) { /* enum rb_thread_status (vm_core.h) */
    case 0:
        return WAIT_INTERPRETER_LOCK;
    case 1:
        return WAIT_RUBY_SLEEP;
    case 2:
        return WAIT_RUBY_QUEUE;
    default:
        return 0;
    }
}
