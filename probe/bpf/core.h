/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * core: the few kernel types that the BPF programs read, kept by hand so that the build needs neither BTF nor a
 * generated vmlinux.h. CO-RE relocates every field at load time; only names and types must match the kernel's
 * (include/linux/sched.h, kernel/sched/sched.h, fs.h, fdtable.h, net.h, include/net/sock.h,
 * arch/x86/include/asm/{ptrace,processor}.h).
 */

#include <linux/bpf.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct rq {
    __u64 clock;
};

struct cfs_rq {
    struct rq *rq;
};

/* with CONFIG_SCHED_INFO */
struct sched_info {
    unsigned long long last_queued;
};

struct sched_entity {
    struct cfs_rq *cfs_rq;
    __u64 sum_exec_runtime;
};

struct thread_struct {
    unsigned long fsbase;
};

struct inode {
    unsigned short i_mode;
};

struct file {
    struct inode *f_inode;
    void *private_data;
};

struct fdtable {
    unsigned int max_fds;
    struct file **fd;
};

struct files_struct {
    struct fdtable *fdt;
};

struct in6_addr {
    union {
        __u8 u6_addr8[16];
    } in6_u;
};

struct sock_common {
    __be32 skc_daddr;
    __be16 skc_dport;
    __u16 skc_num;
    unsigned short skc_family;
    volatile unsigned char skc_state;
    struct in6_addr skc_v6_daddr;
};

struct sock {
    struct sock_common __sk_common;
    __u16 sk_protocol;
};

struct socket {
    struct sock *sk;
};

struct signal_struct {
    struct {
        int counter;
    } live;
    unsigned long maxrss;
};

/* io_uring/io-wq.c; flags has grown from int to long (6.10): its first four bytes hold every flag */
struct io_worker {
    unsigned int flags;
};

/* include/linux/task_io_accounting.h; the fields are there with CONFIG_TASK_XACCT */
struct task_io_accounting {
    __u64 rchar;
    __u64 wchar;
    __u64 syscr;
    __u64 syscw;
};

/* include/linux/cred.h; kernel_cap_t has been 8 bytes in more than one shape */
struct cred {
    struct {
        unsigned int val;
    } uid;
    struct {
        unsigned int val;
    } gid;
    struct {
        unsigned int val;
    } suid;
    struct {
        unsigned int val;
    } euid;
    struct {
        unsigned int val;
    } egid;
    struct {
        __u64 val;
    } cap_permitted;
};

struct pid_namespace;

struct upid {
    int nr;
    struct pid_namespace *ns;
};

/* include/linux/pid.h: a number for each pid namespace from the first (level 0) down to the task's own */
struct pid {
    unsigned int level;
    struct upid numbers[1];
};

struct mm_struct {
    unsigned long flags;
};

/* include/linux/mm_types.h of 6.18: a bitmap */
struct mm_struct___bitmap {
    struct {
        unsigned long __mm_flags[1];
    } flags;
};

struct task_struct {
    unsigned int __state;
    unsigned int flags;
    int pid;
    int tgid;
    struct task_struct *real_parent;
    struct task_struct *group_leader;
    struct pid *thread_pid;
    struct files_struct *files;
    struct signal_struct *signal;
    __u64 utime;
    __u64 stime;
    struct sched_entity se;
    struct sched_info sched_info;
    const struct cred *cred;
    struct mm_struct *mm;
    char comm[16];
    struct task_io_accounting ioac;
    void *worker_private;
    struct thread_struct thread;
};

/* x86-64, arch/x86/include/asm/ptrace.h */
struct pt_regs {
    unsigned long r15;
    unsigned long r14;
    unsigned long r13;
    unsigned long r12;
    unsigned long bx;
    unsigned long r10;
    unsigned long r9;
    unsigned long r8;
    unsigned long ax;
    unsigned long dx;
    unsigned long si;
    unsigned long di;
    unsigned long orig_ax;
    unsigned long ip;
    unsigned long bp;
    unsigned long sp;
};

#pragma clang attribute pop

/* kernel: include/linux/sched.h */
#define TASK_INTERRUPTIBLE 0x1
#define TASK_UNINTERRUPTIBLE 0x2
#define TASK_STOPPED_OR_TRACED 0xc
#define TASK_DEAD 0x80
#define MMF_DUMPABLE_MASK 3 /* include/linux/mm_types.h; up to 6.17 include/linux/sched/coredump.h */
#define SUID_DUMP_USER 1
#define PF_IO_WORKER 0x10
#define PF_EXITING 0x4
