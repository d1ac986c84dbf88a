/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * task_files: the files of one thread under /proc/PID/task/TID, read again and again through descriptors kept open.
 *
 * An open descriptor stays with its thread: a reused id is -ESRCH, not another thread. Refuses to know what the numbers
 * mean. Formats: proc_pid_task(5); schedstat: Documentation/scheduler/sched-stats.rst; syscall: fs/proc/base.c,
 * proc_pid_syscall().
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum task_file {
    TASK_SCHEDSTAT,
    TASK_SYSCALL,
    TASK_CHILDREN,
    TASK_KEPT, /* these are kept open, the others are read seldom */
    TASK_STATUS = TASK_KEPT,
    TASK_STAT,
    TASK_WCHAN,
};

struct task_files {
    pid_t pid, tid;
    int fds[TASK_KEPT]; /* -1: not open */
    int *spare;         /* how many descriptors may still be kept open by all; borrowed */
};

void task_files_init(struct task_files *files, pid_t pid, pid_t tid, int *spare);
void task_files_clear(struct task_files *files);

/*
 * Read one file whole, as text.
 * @param buffer  NUL-terminated on success
 * @return bytes read, -ESRCH (the thread is gone), -EACCES (not for us), -errno
 */
ssize_t task_files_read(struct task_files *files, enum task_file which, char *buffer, size_t size);

struct task_times {
    uint64_t on_cpu_ns;
    uint64_t runnable_ns; /* of waits for a CPU that are over */
    uint64_t switch_ins;
};

/* @return 0 or -EBADMSG */
int task_parse_schedstat(const char *text, struct task_times *ret_times);

/* What a thread does, by its `syscall` file. */
enum task_doing {
    TASK_RUNS,    /* or waits for a CPU */
    TASK_IN_CALL, /* blocked in a system call */
    TASK_FAULTS,  /* blocked outside of any: page fault, stop */
    TASK_ENDED,   /* a zombie: it has no stack any more */
};

struct task_call {
    enum task_doing doing;
    long number;
    uint64_t arguments[6];
    uint64_t sp, pc; /* in user space; 0: not known */
};

/* @return 0 or -EBADMSG */
int task_parse_syscall(const char *text, struct task_call *ret_call);

/* voluntary_ctxt_switches of `status`. @return 0 or -EBADMSG */
int task_parse_voluntary(const char *text, uint64_t *ret_voluntary);

struct task_stat {
    char name[16];
    char state;
    uint64_t user_ticks, system_ticks;
};

/* `stat`; the name may hold anything, parentheses and newlines included. @return 0 or -EBADMSG */
int task_parse_stat(const char *text, struct task_stat *ret_stat);
