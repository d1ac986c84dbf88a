/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#pragma once

/*
 * rights: whose memory the caller may see.
 */

const volatile __u32 reader_uid = 0; /* who reads them; 0: root, who may read everything */

/*
 * prctl(2), PR_SET_DUMPABLE; a program that may be executed but not read is not dumpable, either. The barriers keep the
 * compiler from working out both places first: the one that this kernel does not have must not be touched.
 */
static __always_inline int is_dumpable(struct task_struct *task)
{
    struct mm_struct *mm = BPF_CORE_READ(task, mm);
    struct mm_struct___bitmap *newer = (void *)mm;
    unsigned long flags = 0;

    if (!mm) /* it exits: there is nothing left to be read */
        return 1;
    if (bpf_core_field_exists(newer->flags.__mm_flags)) {
        barrier_var(newer);
        bpf_core_read(&flags, sizeof(flags), &newer->flags.__mm_flags);
        asm volatile("" ::: "memory");
    } else {
        barrier_var(mm);
        bpf_core_read(&flags, sizeof(flags), &mm->flags);
        asm volatile("" ::: "memory");
    }
    return (flags & MMF_DUMPABLE_MASK) == SUID_DUMP_USER;
}

/*
 * May the caller see a thread's memory? As ptrace(2) has it: the same user throughout, no program that gained rights
 * by setuid, setgid or file capabilities, none that is not to be dumped.
 */
static __always_inline int may_read_of(struct task_struct *task)
{
    const struct cred *cred;
    __u64 capabilities = 0;
    __u32 uid;

    if (!reader_uid)
        return 1;
    /* Copied, not walked: see typed.bpf.h. It is not for every switch. */
    cred = BPF_CORE_READ(task, cred);
    uid = BPF_CORE_READ(cred, uid.val);
    bpf_core_read(&capabilities, sizeof(capabilities), &cred->cap_permitted);
    return uid == reader_uid && BPF_CORE_READ(cred, euid.val) == uid && BPF_CORE_READ(cred, suid.val) == uid &&
           BPF_CORE_READ(cred, gid.val) == BPF_CORE_READ(cred, egid.val) && !capabilities && is_dumpable(task);
}

static __always_inline int may_read(void)
{
    return may_read_of(bpf_get_current_task_btf());
}
