/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#pragma once

/*
 * typed: pointers of the kernel's that the verifier knows no type of, or that it trusts.
 *
 * From the descriptor table on it knows no types. Where the kernel has bpf_rdonly_cast() (6.2), plain loads do; before,
 * every read is a call of a helper, which is what this costs most. And pointers that it trusts are better not trusted:
 * for each load of a pointer from one it goes through the names of all the kernel's types a few times
 * (btf_nested_type_is_trusted(), kernel/bpf/btf.c), a millisecond a load; a program may be at its start for longer than
 * it is needed.
 */

#ifndef WITHOUT_KERNEL_FUNCTIONS
extern void *bpf_rdonly_cast(void *object, __u32 type) __ksym __weak;
#else
static void *(*const bpf_rdonly_cast)(void *object, __u32 type) = 0;
#endif
#define TYPED(object, type) ((type *)bpf_rdonly_cast((void *)(object), bpf_core_type_id_kernel(type)))

/* A task to load pointers from: they are no more to be trusted than what is read from memory. */
static __always_inline struct task_struct *readable(struct task_struct *task)
{
    return bpf_rdonly_cast ? TYPED(task, struct task_struct) : task;
}
