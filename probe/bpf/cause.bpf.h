/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#pragma once

/*
 * cause: what a thread that leaves its CPU is about to wait for.
 *
 * The blocking call is read from the user registers saved at kernel entry (arch/x86/entry/entry_64.S), so no syscall
 * hook is needed and processes that are not traced pay nothing. Called at switch-out, with `current` == the thread.
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

#define S_IFMT 0170000
#define S_IFSOCK 0140000
#define S_IFREG 0100000
#define S_IFDIR 0040000
#define S_IFBLK 0060000
#define S_IFCHR 0020000
#define S_IFIFO 0010000

#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define TCP_LISTEN 10
#define ENOSYS 38

/* include/uapi/linux/futex.h */
#define FUTEX_CMD_MASK 0x7f
#define FUTEX_PRIVATE_FLAG 0x80
#define FUTEX_WAIT 0
#define FUTEX_LOCK_PI 6
#define FUTEX_WAIT_BITSET 9
#define FUTEX_LOCK_PI2 13
#define FUTEX_TID_MAX 0x400000

struct user_timespec {
    __s64 sec;
    __s64 nsec;
};

struct user_pollfd {
    int fd;
    __s16 events;
    __s16 revents;
};

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 8192); /* a bit for each port, 8 ports an entry */
    __type(key, __u32);
    __type(value, __u64);
} listen_ports SEC(".maps");

static __always_inline void listen_port_mark(__u16 port)
{
    __u32 key = port >> 3;
    __u64 *bits = bpf_map_lookup_elem(&listen_ports, &key);

    if (bits)
        *bits |= 1ULL << (port & 7);
}

static __always_inline int listen_port_known(__u16 port)
{
    __u32 key = port >> 3;
    __u64 *bits = bpf_map_lookup_elem(&listen_ports, &key);

    return bits && ((*bits >> (port & 7)) & 1);
}

/* 127.0.0.0/8, network byte order on a little-endian machine */
static __always_inline int is_loopback4(__be32 address)
{
    return (address & 0xff) == 127;
}

static __always_inline __u16 kind_of_socket(struct file *file, int accepting)
{
    struct socket *socket = BPF_CORE_READ(file, private_data);
    struct sock *sk = BPF_CORE_READ(socket, sk);
    __u16 family, port;

    if (!sk)
        return WAIT_UNKNOWN;
    family = BPF_CORE_READ(sk, __sk_common.skc_family);
    if (family == AF_UNIX)
        return accepting ? WAIT_ACCEPT : WAIT_UNIX_OUTSIDE;
    if (family != AF_INET && family != AF_INET6)
        return WAIT_OTHER_FD;
    port = BPF_CORE_READ(sk, __sk_common.skc_num);
    if (BPF_CORE_READ(sk, __sk_common.skc_state) == TCP_LISTEN) {
        listen_port_mark(port);
        return WAIT_ACCEPT;
    }
    if (listen_port_known(port))
        return WAIT_INET_SERVED;
    /* Only on the loopback device does the waker tell who sent: elsewhere it is whomever the interrupt hit. */
    if (is_loopback4(BPF_CORE_READ(sk, __sk_common.skc_daddr)))
        return WAIT_INET_SIBLING;
    return WAIT_INET_OUTSIDE;
}

/*
 * The kind of a descriptor. Kinds of pipes and sockets are provisional: the waker decides (resolve_kind).
 *
 * `files` and `fdt` are typed pointers, read by plain loads; from the descriptor table on the verifier knows no types
 * and every read is a helper call, so there are only three.
 */
static __always_inline __u16 kind_of_fd(struct task_struct *task, unsigned int fd, int accepting)
{
    struct files_struct *files = task->files;
    struct fdtable *table;
    struct inode *inode = 0;
    struct file *file = 0;
    __u16 mode = 0;

    if (!files)
        return WAIT_UNKNOWN;
    table = files->fdt;
    if (fd >= table->max_fds)
        return WAIT_UNKNOWN;
    if (bpf_probe_read_kernel(&file, sizeof(file), table->fd + fd) || !file)
        return WAIT_UNKNOWN;
    if (bpf_core_read(&inode, sizeof(inode), &file->f_inode) || bpf_core_read(&mode, sizeof(mode), &inode->i_mode))
        return WAIT_UNKNOWN;
    switch (mode & S_IFMT) {
    case S_IFSOCK:
        return kind_of_socket(file, accepting);
    case S_IFIFO:
        return WAIT_PIPE_OUTSIDE;
    case S_IFREG:
    case S_IFDIR:
    case S_IFBLK:
        return WAIT_FILE;
    case S_IFCHR:
        return WAIT_TERMINAL;
    case 0: /* anonymous inode: eventfd, timerfd, signalfd, inotify */
        return WAIT_EVENTFD;
    default:
        return WAIT_OTHER_FD;
    }
}

static __always_inline __u16 kind_of_futex(struct pt_regs *regs, __u64 *ret_address)
{
    unsigned int operation = (unsigned int)regs->si, value = (unsigned int)regs->dx;

    *ret_address = regs->di;
    switch (operation & FUTEX_CMD_MASK) {
    case FUTEX_WAIT:
        if (value == 2)
            return WAIT_FUTEX_MUTEX;
        /* glibc before 2.34 joins with a plain, shared wait on the tid word */
        if (!(operation & FUTEX_PRIVATE_FLAG) && value && value < FUTEX_TID_MAX)
            return WAIT_FUTEX_JOIN;
        return WAIT_FUTEX_OTHER;
    case FUTEX_WAIT_BITSET:
        if (!(operation & FUTEX_PRIVATE_FLAG) && value && value < FUTEX_TID_MAX)
            return WAIT_FUTEX_JOIN;
        return WAIT_FUTEX_OTHER;
    case FUTEX_LOCK_PI:
    case FUTEX_LOCK_PI2:
        return WAIT_FUTEX_PI;
    default:
        return WAIT_FUTEX_OTHER;
    }
}

static __always_inline __u64 deadline_from_ms(__u64 now, int ms)
{
    return ms < 0 ? 0 : now + (__u64)ms * 1000000ULL;
}

/* From a struct timespec, or (usec) timeval, in user memory; 0: none, or not readable. */
static __always_inline __u64 deadline_from_user(__u64 now, unsigned long address, int usec)
{
    struct user_timespec time;

    if (!address || bpf_probe_read_user(&time, sizeof(time), (void *)address))
        return 0;
    return now + (__u64)time.sec * 1000000000ULL + (__u64)time.nsec * (usec ? 1000ULL : 1ULL);
}

/* poll over one descriptor is a wait for that descriptor: what a blocking socket with a timeout does. */
static __always_inline __u16 kind_of_poll(struct task_struct *task, unsigned long fds, unsigned long count)
{
    struct user_pollfd one;
    __u16 kind;

    if (!count)
        return WAIT_SLEEP;
    if (count != 1 || bpf_probe_read_user(&one, sizeof(one), (void *)fds) || one.fd < 0)
        return WAIT_POLL_OUTSIDE;
    kind = kind_of_fd(task, (unsigned int)one.fd, 0);
    return kind == WAIT_UNKNOWN || kind == WAIT_FILE || kind == WAIT_TERMINAL ? WAIT_POLL_OUTSIDE : kind;
}

/*
 * @param now           of the switch
 * @param ret_address   futex word, or epoll descriptor
 * @param ret_deadline  when a timed wait ends by itself; 0: never
 */
static __always_inline __u16 kind_of_wait(struct task_struct *task, unsigned int state, __u16 previous, __u64 now,
                                          __u64 *ret_address, __u64 *ret_deadline)
{
    struct pt_regs *regs;
    long number;

    if (state & TASK_STOPPED_OR_TRACED)
        return WAIT_STOPPED;
    if (task->flags & PF_IO_WORKER)
        return WAIT_IO_URING;
    if (task->flags & PF_EXITING)
        return WAIT_EXIT;
    regs = (struct pt_regs *)bpf_task_pt_regs(task);
    number = (long)regs->orig_ax;
    if (number < 0)
        return WAIT_FAULT;
    if ((long)regs->ax != -ENOSYS) /* the call is over: work on the way back to user space */
        return WAIT_UNKNOWN;
    switch (syscall_class[number & 511]) {
    case CALL_FD:
        return kind_of_fd(task, (unsigned int)regs->di, 0);
    case CALL_ACCEPT:
        return kind_of_fd(task, (unsigned int)regs->di, 1);
    case CALL_FUTEX:
        return kind_of_futex(regs, ret_address);
    case CALL_SLEEP:
        return WAIT_SLEEP;
    case CALL_EPOLL:
        *ret_deadline = deadline_from_ms(now, (int)regs->r10);
        *ret_address = regs->di;
        return WAIT_EPOLL_OUTSIDE;
    case CALL_EPOLL2:
        *ret_deadline = deadline_from_user(now, regs->r10, 0);
        *ret_address = regs->di;
        return WAIT_EPOLL_OUTSIDE;
    case CALL_POLL:
        *ret_deadline = deadline_from_ms(now, (int)regs->dx);
        return kind_of_poll(task, regs->di, regs->si);
    case CALL_PPOLL:
        *ret_deadline = deadline_from_user(now, regs->dx, 0);
        return kind_of_poll(task, regs->di, regs->si);
    case CALL_SELECT:
        *ret_deadline = deadline_from_user(now, regs->r8, 1);
        return regs->di ? WAIT_POLL_OUTSIDE : WAIT_SLEEP;
    case CALL_PSELECT:
        *ret_deadline = deadline_from_user(now, regs->r8, 0);
        return regs->di ? WAIT_POLL_OUTSIDE : WAIT_SLEEP;
    case CALL_CHILD:
        return WAIT_CHILD;
    case CALL_FILE:
        return WAIT_FILE;
    case CALL_SIGNAL:
        return WAIT_SIGNAL;
    case CALL_MEMORY:
        return WAIT_MEMORY;
    case CALL_EXEC:
        return WAIT_EXEC;
    case CALL_EXIT:
        return WAIT_EXIT;
    case CALL_IO_URING:
        return WAIT_IO_URING;
    case CALL_SYSV:
        return WAIT_SYSV;
    case CALL_RESTART: /* a stopped and continued sleep, poll or futex wait goes on */
        return previous;
    default:
        return state & TASK_UNINTERRUPTIBLE ? WAIT_FILE : WAIT_UNKNOWN;
    }
}

#define DEADLINE_SLACK_NS 20000 /* timers may fire early by their slack only; late always */

/*
 * What ended the wait settles its kind.
 *
 * @param who  0: nobody of the target, 1: a thread of the same process, 2: another process of the target
 */
static __always_inline __u16 resolve_kind(__u16 kind, int timed_out, int who)
{
    switch (kind) {
    case WAIT_EPOLL_OUTSIDE:
        if (timed_out)
            return WAIT_EPOLL_TIMEOUT;
        return who == 1 ? WAIT_EPOLL_SIBLING : who == 2 ? WAIT_EPOLL_TARGET : WAIT_EPOLL_OUTSIDE;
    case WAIT_POLL_OUTSIDE:
        if (timed_out)
            return WAIT_POLL_TIMEOUT;
        return who == 1 ? WAIT_POLL_SIBLING : who == 2 ? WAIT_POLL_TARGET : WAIT_POLL_OUTSIDE;
    case WAIT_INET_SIBLING:
        if (timed_out)
            return WAIT_INET_TIMEOUT;
        return who == 1 ? WAIT_INET_SIBLING : who == 2 ? WAIT_INET_TARGET : WAIT_INET_OUTSIDE;
    case WAIT_INET_OUTSIDE:
        return timed_out ? WAIT_INET_TIMEOUT : WAIT_INET_OUTSIDE;
    case WAIT_UNIX_OUTSIDE:
        return who == 1 ? WAIT_UNIX_SIBLING : who == 2 ? WAIT_UNIX_TARGET : WAIT_UNIX_OUTSIDE;
    case WAIT_PIPE_OUTSIDE:
        return who == 1 ? WAIT_PIPE_SIBLING : who == 2 ? WAIT_PIPE_TARGET : WAIT_PIPE_OUTSIDE;
    default:
        return kind;
    }
}
