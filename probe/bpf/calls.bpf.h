/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#pragma once

/*
 * calls: system calls by what they may wait for. One table; numbers are x86-64's.
 */

/* Classes of system calls, by what they wait for. */
enum syscall_class {
    CALL_OTHER,
    CALL_FD,
    CALL_ACCEPT,
    CALL_FUTEX,
    CALL_SLEEP,
    CALL_EPOLL,
    CALL_EPOLL2,
    CALL_POLL,
    CALL_PPOLL,
    CALL_SELECT,
    CALL_PSELECT,
    CALL_CHILD,
    CALL_FILE,
    CALL_SIGNAL,
    CALL_MEMORY,
    CALL_EXEC,
    CALL_EXIT,
    CALL_IO_URING,
    CALL_SYSV,
    CALL_RESTART,
};

/* arch/x86/entry/syscalls/syscall_64.tbl; numbers never change. */
const volatile __u8 syscall_class[512] = {
    [0] = CALL_FD,         /* read */
    [1] = CALL_FD,         /* write */
    [2] = CALL_FILE,       /* open */
    [4] = CALL_FILE,       /* stat */
    [5] = CALL_FILE,       /* fstat */
    [6] = CALL_FILE,       /* lstat */
    [7] = CALL_POLL,       /* poll */
    [9] = CALL_MEMORY,     /* mmap */
    [10] = CALL_MEMORY,    /* mprotect */
    [11] = CALL_MEMORY,    /* munmap */
    [12] = CALL_MEMORY,    /* brk */
    [17] = CALL_FD,        /* pread64 */
    [18] = CALL_FD,        /* pwrite64 */
    [19] = CALL_FD,        /* readv */
    [20] = CALL_FD,        /* writev */
    [23] = CALL_SELECT,    /* select */
    [25] = CALL_MEMORY,    /* mremap */
    [28] = CALL_MEMORY,    /* madvise */
    [34] = CALL_SIGNAL,    /* pause */
    [35] = CALL_SLEEP,     /* nanosleep */
    [40] = CALL_FD,        /* sendfile: the destination */
    [42] = CALL_FD,        /* connect */
    [43] = CALL_ACCEPT,    /* accept */
    [44] = CALL_FD,        /* sendto */
    [45] = CALL_FD,        /* recvfrom */
    [46] = CALL_FD,        /* sendmsg */
    [47] = CALL_FD,        /* recvmsg */
    [56] = CALL_CHILD,     /* clone: CLONE_VFORK waits for the child's exec */
    [58] = CALL_CHILD,     /* vfork */
    [59] = CALL_EXEC,      /* execve */
    [60] = CALL_EXIT,      /* exit */
    [61] = CALL_CHILD,     /* wait4 */
    [64] = CALL_SYSV,      /* semget */
    [65] = CALL_SYSV,      /* semop */
    [69] = CALL_SYSV,      /* msgsnd */
    [70] = CALL_SYSV,      /* msgrcv */
    [72] = CALL_FILE,      /* fcntl: file locks */
    [73] = CALL_FILE,      /* flock */
    [74] = CALL_FILE,      /* fsync */
    [75] = CALL_FILE,      /* fdatasync */
    [76] = CALL_FILE,      /* truncate */
    [77] = CALL_FILE,      /* ftruncate */
    [78] = CALL_FILE,      /* getdents */
    [82] = CALL_FILE,      /* rename */
    [83] = CALL_FILE,      /* mkdir */
    [84] = CALL_FILE,      /* rmdir */
    [85] = CALL_FILE,      /* creat */
    [87] = CALL_FILE,      /* unlink */
    [89] = CALL_FILE,      /* readlink */
    [128] = CALL_SIGNAL,   /* rt_sigtimedwait */
    [130] = CALL_SIGNAL,   /* rt_sigsuspend */
    [162] = CALL_FILE,     /* sync */
    [202] = CALL_FUTEX,    /* futex */
    [208] = CALL_IO_URING, /* io_getevents */
    [217] = CALL_FILE,     /* getdents64 */
    [219] = CALL_RESTART,  /* restart_syscall */
    [220] = CALL_SYSV,     /* semtimedop */
    [230] = CALL_SLEEP,    /* clock_nanosleep */
    [231] = CALL_EXIT,     /* exit_group */
    [232] = CALL_EPOLL,    /* epoll_wait */
    [242] = CALL_SYSV,     /* mq_timedsend */
    [243] = CALL_SYSV,     /* mq_timedreceive */
    [247] = CALL_CHILD,    /* waitid */
    [257] = CALL_FILE,     /* openat */
    [262] = CALL_FILE,     /* newfstatat */
    [263] = CALL_FILE,     /* unlinkat */
    [264] = CALL_FILE,     /* renameat */
    [270] = CALL_PSELECT,  /* pselect6 */
    [271] = CALL_PPOLL,    /* ppoll */
    [275] = CALL_FD,       /* splice: the source */
    [277] = CALL_FILE,     /* sync_file_range */
    [281] = CALL_EPOLL,    /* epoll_pwait */
    [285] = CALL_FILE,     /* fallocate */
    [288] = CALL_ACCEPT,   /* accept4 */
    [295] = CALL_FD,       /* preadv */
    [296] = CALL_FD,       /* pwritev */
    [299] = CALL_FD,       /* recvmmsg */
    [306] = CALL_FILE,     /* syncfs */
    [307] = CALL_FD,       /* sendmmsg */
    [316] = CALL_FILE,     /* renameat2 */
    [322] = CALL_EXEC,     /* execveat */
    [326] = CALL_FILE,     /* copy_file_range */
    [332] = CALL_FILE,     /* statx */
    [333] = CALL_IO_URING, /* io_pgetevents */
    [426] = CALL_IO_URING, /* io_uring_enter */
    [435] = CALL_CHILD,    /* clone3 */
    [441] = CALL_EPOLL2,   /* epoll_pwait2 */
    [449] = CALL_FUTEX,    /* futex_waitv */
};

/* Classes that are a kind by themselves. */
const volatile __u8 kind_of_class[32] = {
    [CALL_CHILD] = WAIT_CHILD, [CALL_FILE] = WAIT_FILE, [CALL_SIGNAL] = WAIT_SIGNAL,     [CALL_MEMORY] = WAIT_MEMORY,
    [CALL_EXEC] = WAIT_EXEC,   [CALL_EXIT] = WAIT_EXIT, [CALL_IO_URING] = WAIT_IO_URING, [CALL_SYSV] = WAIT_SYSV,
};
