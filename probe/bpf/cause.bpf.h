/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#pragma once

/*
 * cause: what a thread that leaves its CPU is about to wait for.
 *
 * The blocking call is read from the user registers saved at kernel entry (arch/x86/entry/entry_64.S), so no syscall
 * hook is needed and processes that are not traced pay nothing. Called at switch-out, with `current` == the thread.
 */

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
#define FUTEX_CLOCK_REALTIME 256
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

/* What decides the kind of a socket. */
struct socket_facts {
    __u16 family;
    __u16 port; /* local */
    __u8 state;
    __be32 peer; /* IPv4 */
};

static __always_inline __u16 kind_of_socket(const struct socket_facts *facts, int accepting)
{
    if (facts->family == AF_UNIX)
        return accepting ? WAIT_ACCEPT : WAIT_UNIX_OUTSIDE;
    if (facts->family != AF_INET && facts->family != AF_INET6)
        return WAIT_OTHER_FD;
    if (facts->state == TCP_LISTEN) {
        listen_port_mark(facts->port);
        return WAIT_ACCEPT;
    }
    if (listen_port_known(facts->port))
        return WAIT_INET_SERVED;
    /* Only on the loopback device does the waker tell who sent: elsewhere it is whomever the interrupt hit. */
    return is_loopback4(facts->peer) ? WAIT_INET_SIBLING : WAIT_INET_OUTSIDE;
}

static __always_inline struct file *file_of_fd(struct fdtable *table, unsigned int fd)
{
    struct file *file = 0;

    /* By its place in an fdtable that lies so far before: each further type takes libbpf a millisecond to find. */
    if (bpf_rdonly_cast)
        return TYPED(TYPED((char *)(table->fd + fd) - bpf_core_field_offset(table->fd), struct fdtable)->fd,
                     struct file);
    bpf_probe_read_kernel(&file, sizeof(file), table->fd + fd);
    return file;
}

static __always_inline __u16 mode_of_file(struct file *file)
{
    if (bpf_rdonly_cast)
        return file->f_inode->i_mode;
    return BPF_CORE_READ(file, f_inode, i_mode);
}

static __always_inline void read_socket(struct file *file, struct socket_facts *ret_facts)
{
    if (bpf_rdonly_cast) {
        struct sock *sk = TYPED(file->private_data, struct socket)->sk;

        ret_facts->family = sk->__sk_common.skc_family;
        ret_facts->port = sk->__sk_common.skc_num;
        ret_facts->state = sk->__sk_common.skc_state;
        ret_facts->peer = sk->__sk_common.skc_daddr;
    } else {
        struct socket *socket = BPF_CORE_READ(file, private_data);
        struct sock *sk = BPF_CORE_READ(socket, sk);

        ret_facts->family = BPF_CORE_READ(sk, __sk_common.skc_family);
        ret_facts->port = BPF_CORE_READ(sk, __sk_common.skc_num);
        ret_facts->state = BPF_CORE_READ(sk, __sk_common.skc_state);
        ret_facts->peer = BPF_CORE_READ(sk, __sk_common.skc_daddr);
    }
}

/* The kind of a descriptor. Kinds of pipes and sockets are provisional: the waker decides (resolve_kind). */
static __always_inline __u16 kind_of_fd(struct task_struct *task, unsigned int fd, int accepting)
{
    struct files_struct *files = readable(task)->files;
    struct socket_facts facts = {};
    struct fdtable *table;
    struct file *file;
    __u16 mode;

    if (!files)
        return WAIT_UNKNOWN;
    table = files->fdt;
    if (fd >= table->max_fds)
        return WAIT_UNKNOWN;
    file = file_of_fd(table, fd);
    if (!file)
        return WAIT_UNKNOWN;
    mode = mode_of_file(file);
    switch (mode & S_IFMT) {
    case S_IFSOCK:
        read_socket(file, &facts);
        return kind_of_socket(&facts, accepting);
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

const volatile __u64 realtime_ahead = 0; /* of the monotonic clock, when the programs were loaded */

/* futex(2): FUTEX_WAIT's timeout is relative; FUTEX_WAIT_BITSET's a point in time, of one of two clocks. */
static __always_inline __u64 deadline_of_futex(struct pt_regs *regs, __u64 now)
{
    unsigned int operation = (unsigned int)regs->si;

    __u64 deadline;

    if ((operation & FUTEX_CMD_MASK) == FUTEX_WAIT)
        return deadline_from_user(now, regs->r10, 0);
    if ((operation & FUTEX_CMD_MASK) != FUTEX_WAIT_BITSET)
        return 0;
    deadline = deadline_from_user(0, regs->r10, 0);
    if (!(operation & FUTEX_CLOCK_REALTIME))
        return deadline;
    return deadline > realtime_ahead ? deadline - realtime_ahead : 0;
}

#define NO_FD (-1)

/* poll over one descriptor is a wait for that descriptor: what a blocking socket with a timeout does. */
static __always_inline int only_fd_of_poll(unsigned long fds, unsigned long count)
{
    struct user_pollfd one;

    if (count != 1 || bpf_probe_read_user(&one, sizeof(one), (void *)fds))
        return NO_FD;
    return one.fd;
}

/* What a wait is, as far as its system call tells: its kind, or the descriptor that decides. */
struct wait_facts {
    __u16 kind;
    int fd; /* the wait is for this descriptor alone; NO_FD: kind says it all */
    int accepting;
    __u64 address;  /* futex word or epoll descriptor */
    __u64 deadline; /* when a timed wait ends by itself; 0: never */
};

static __always_inline void read_call(struct pt_regs *regs, __u16 class, __u64 now, struct wait_facts *facts)
{
    switch (class) {
    case CALL_ACCEPT:
        facts->accepting = 1;
        facts->fd = (int)regs->di;
        break;
    case CALL_FD:
        facts->fd = (int)regs->di;
        break;
    case CALL_FUTEX:
        facts->kind = kind_of_futex(regs, &facts->address);
        facts->deadline = deadline_of_futex(regs, now);
        break;
    case CALL_SLEEP:
        facts->kind = WAIT_SLEEP;
        break;
    case CALL_EPOLL:
    case CALL_EPOLL2:
        facts->deadline =
            class == CALL_EPOLL ? deadline_from_ms(now, (int)regs->r10) : deadline_from_user(now, regs->r10, 0);
        facts->address = regs->di;
        facts->kind = WAIT_EPOLL_OUTSIDE;
        break;
    case CALL_POLL:
    case CALL_PPOLL:
        facts->deadline =
            class == CALL_POLL ? deadline_from_ms(now, (int)regs->dx) : deadline_from_user(now, regs->dx, 0);
        facts->kind = regs->si ? WAIT_POLL_OUTSIDE : WAIT_SLEEP;
        facts->fd = only_fd_of_poll(regs->di, regs->si);
        break;
    case CALL_SELECT:
    case CALL_PSELECT:
        facts->deadline = deadline_from_user(now, regs->r8, class == CALL_SELECT);
        facts->kind = regs->di ? WAIT_POLL_OUTSIDE : WAIT_SLEEP;
        break;
    default:
        facts->kind = kind_of_class[class & 31];
        break;
    }
}

/*
 * A worker of io_uring without work is idle; with work, it waits uninterruptibly for storage, or in whatever call it
 * makes for the program: which, its stale registers don't tell.
 */
#define IO_WORKER_F_FREE 4 /* io_uring/io-wq.c */
static __always_inline __u16 kind_of_io_worker(struct task_struct *task, unsigned int state)
{
    struct io_worker *worker = task->worker_private;
    unsigned int flags = 0;

    if (state & TASK_UNINTERRUPTIBLE)
        return WAIT_FILE;
    /* The thread that polls the submission queue has none of this. */
    if (!worker || bpf_probe_read_kernel(&flags, sizeof(flags), __builtin_preserve_access_index(&worker->flags)))
        return WAIT_POOL;
    return flags & IO_WORKER_F_FREE ? WAIT_POOL : WAIT_IO_URING;
}

/*
 * The user registers of the thread that is switched out. They stay at one address for all of a thread's life
 * (task_pt_regs(), arch/x86/include/asm/processor.h), so the helper is called once a thread where a plain load will do.
 */
static __always_inline struct pt_regs *user_registers(struct task_struct *task, struct slot *slot)
{
    if (!bpf_rdonly_cast)
        return (struct pt_regs *)bpf_task_pt_regs(task);
    if (!slot->registers)
        slot->registers = (__u64)bpf_task_pt_regs(task);
    return TYPED(slot->registers, struct pt_regs);
}

/* Of a thread that is switched out; `previous` is the kind of its last wait in a system call. */
static __always_inline void read_wait(struct task_struct *task, struct pt_regs *regs, unsigned int state,
                                      __u16 previous, __u64 now, struct wait_facts *facts)
{
    __u16 class, kind;
    long number;

    facts->fd = NO_FD;
    if (state & TASK_STOPPED_OR_TRACED) {
        facts->kind = WAIT_STOPPED;
        return;
    }
    if (task->flags & PF_EXITING) {
        facts->kind = WAIT_EXIT;
        return;
    }
    if (task->flags & PF_IO_WORKER) {
        facts->kind = kind_of_io_worker(task, state);
        return;
    }
    number = (long)regs->orig_ax;
    if (number < 0) {
        facts->kind = WAIT_FAULT;
        return;
    }
    if ((long)regs->ax != -ENOSYS) /* the call is over: work on the way back to user space */
        return;
    class = syscall_class[number & 511];
    if (class == CALL_RESTART) { /* a stopped and continued sleep, poll or futex wait goes on */
        facts->kind = previous;
        if (previous >= WAIT_FUTEX_MUTEX && previous <= WAIT_FUTEX_TIMEOUT)
            facts->address = regs->di; /* only the number has changed */
        return;
    }
    read_call(regs, class, now, facts);
    if (facts->fd >= 0) {
        kind = kind_of_fd(task, (unsigned int)facts->fd, facts->accepting);
        /* poll on a terminal or an unknown descriptor stays a poll */
        if (!facts->kind || (kind != WAIT_UNKNOWN && kind != WAIT_FILE && kind != WAIT_TERMINAL))
            facts->kind = kind;
    }
    if (!facts->kind && class == CALL_OTHER && state & TASK_UNINTERRUPTIBLE)
        facts->kind = WAIT_FILE;
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
    case WAIT_FUTEX_OTHER:
        return timed_out ? WAIT_FUTEX_TIMEOUT : WAIT_FUTEX_OTHER;
    case WAIT_EVENTFD: /* poll on one descriptor: only that has a deadline */
        return timed_out ? WAIT_POLL_TIMEOUT : WAIT_EVENTFD;
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
