/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/procfs/classify.h"

#include <linux/futex.h>
#include <poll.h>
#include <sys/uio.h>
#include <time.h>

#include "base/base.h"
#include "probe/bpf/abi.h"
#include "probe/bpf/calls.bpf.h"
#include "probe/procfs/task_files.h"

#define COMMAND ((unsigned int)FUTEX_CMD_MASK)
#define FUTEX_TID_MAX 0x400000u /* beyond every thread's id (include/linux/threads.h, PID_MAX_LIMIT) */

static bool read_memory(pid_t pid, uint64_t address, void *buffer, size_t size)
{
    struct iovec local = {buffer, size};
    struct iovec remote = {(void *)(uintptr_t)address, size}; /* NOLINT: theirs */

    return address && process_vm_readv(pid, &local, 1, &remote, 1, 0) == (ssize_t)size;
}

static uint64_t ns_of_ms(int ms)
{
    return ms > 0 ? (uint64_t)ms * NSEC_PER_MSEC : 0;
}

/* A struct timespec (unit 1), or a struct timeval (unit 1000), in their memory. */
static uint64_t ns_at(pid_t pid, uint64_t address, uint64_t unit)
{
    int64_t time[2];

    if (!read_memory(pid, address, time, sizeof(time)) || time[0] < 0 || time[0] > INT32_MAX)
        return 0;
    return (uint64_t)time[0] * NSEC_PER_SEC + (uint64_t)time[1] * unit;
}

/* Timeouts of FUTEX_WAIT_BITSET are points in time. */
static uint64_t timeout_of_futex(pid_t pid, const struct task_call *call)
{
    unsigned int operation = (unsigned int)call->arguments[1];
    uint64_t time = ns_at(pid, call->arguments[3], 1);
    struct timespec now;
    uint64_t now_ns;

    if (!time || (operation & COMMAND) == FUTEX_WAIT)
        return time;
    if (clock_gettime(operation & FUTEX_CLOCK_REALTIME ? CLOCK_REALTIME : CLOCK_MONOTONIC, &now) < 0)
        return 0;
    now_ns = (uint64_t)now.tv_sec * NSEC_PER_SEC + (uint64_t)now.tv_nsec;
    return time > now_ns ? time - now_ns : 1;
}

static uint16_t kind_of_futex(const struct task_call *call)
{
    unsigned int operation = (unsigned int)call->arguments[1], value = (unsigned int)call->arguments[2];
    bool names_thread = !(operation & FUTEX_PRIVATE_FLAG) && value && value < FUTEX_TID_MAX;

    switch (operation & COMMAND) {
    case FUTEX_WAIT:
        if (value == 2)
            return WAIT_FUTEX_MUTEX;
        return names_thread ? WAIT_FUTEX_JOIN : WAIT_FUTEX_OTHER;
    case FUTEX_WAIT_BITSET:
        return names_thread ? WAIT_FUTEX_JOIN : WAIT_FUTEX_OTHER;
    case FUTEX_LOCK_PI:
    case FUTEX_LOCK_PI2:
        return WAIT_FUTEX_PI;
    default:
        return WAIT_FUTEX_OTHER;
    }
}

/* poll over one descriptor is a wait for that descriptor: what a blocking socket with a timeout does. */
static void read_fds_of_poll(pid_t pid, const struct task_call *call, struct call_facts *facts)
{
    struct pollfd list[ARRAY_SIZE(facts->fds)];
    uint64_t n = call->arguments[1] < ARRAY_SIZE(list) ? call->arguments[1] : ARRAY_SIZE(list);

    if (!n || !read_memory(pid, call->arguments[0], list, n * sizeof(*list)))
        return;
    facts->n_fds = (uint32_t)n;
    for (size_t i = 0; i < n; i++)
        facts->fds[i] = list[i].fd;
    if (n == 1)
        facts->fd = list[0].fd;
}

static void read_poll(pid_t pid, const struct task_call *call, unsigned int class, struct call_facts *facts)
{
    const uint64_t *arguments = call->arguments;

    if (class == CALL_SELECT || class == CALL_PSELECT) {
        facts->timeout_ns = ns_at(pid, arguments[4], class == CALL_SELECT ? NSEC_PER_USEC : 1);
        facts->kind = arguments[0] ? WAIT_POLL_OUTSIDE : WAIT_SLEEP;
        return;
    }
    facts->timeout_ns = class == CALL_POLL ? ns_of_ms((int)arguments[2]) : ns_at(pid, arguments[2], 1);
    facts->kind = arguments[1] ? WAIT_POLL_OUTSIDE : WAIT_SLEEP;
    read_fds_of_poll(pid, call, facts);
}

struct call_facts classify_call(pid_t pid, const struct task_call *call)
{
    unsigned int class = call->number >= 0 && call->number < 512 ? syscall_class[call->number] : CALL_OTHER;
    struct call_facts facts = {.fd = -1};

    if (call->doing != TASK_IN_CALL) {
        facts.kind = WAIT_FAULT;
        return facts;
    }
    switch (class) {
    case CALL_ACCEPT:
        facts.accepting = true;
        facts.fd = (int)call->arguments[0];
        break;
    case CALL_FD:
        facts.fd = (int)call->arguments[0];
        break;
    case CALL_FUTEX:
        facts.kind = kind_of_futex(call);
        facts.address = call->arguments[0];
        facts.timeout_ns = timeout_of_futex(pid, call);
        break;
    case CALL_SLEEP:
        facts.kind = WAIT_SLEEP;
        break;
    case CALL_EPOLL:
    case CALL_EPOLL2:
        facts.kind = WAIT_EPOLL_OUTSIDE;
        facts.address = call->arguments[0];
        facts.timeout_ns = class == CALL_EPOLL ? ns_of_ms((int)call->arguments[3]) : ns_at(pid, call->arguments[3], 1);
        break;
    case CALL_POLL:
    case CALL_PPOLL:
    case CALL_SELECT:
    case CALL_PSELECT:
        read_poll(pid, call, class, &facts);
        break;
    case CALL_RESTART:
        facts.goes_on = true;
        break;
    default:
        facts.kind = kind_of_class[class & 31];
        break;
    }
    return facts;
}

/* Prefixes of the functions that a wait ends up in; kernel/futex, fs/select.c, fs/eventpoll.c, fs/pipe.c, net/. */
static const struct {
    const char *prefix;
    uint16_t kind;
} functions[] = {
    {"futex_", WAIT_FUTEX_OTHER},
    {"hrtimer_nanosleep", WAIT_SLEEP},
    {"do_nanosleep", WAIT_SLEEP},
    {"ep_poll", WAIT_EPOLL_OUTSIDE},
    {"do_epoll", WAIT_EPOLL_OUTSIDE},
    {"do_poll", WAIT_POLL_OUTSIDE},
    {"do_sys_poll", WAIT_POLL_OUTSIDE},
    {"do_select", WAIT_POLL_OUTSIDE},
    {"poll_schedule", WAIT_POLL_OUTSIDE},
    {"pipe_", WAIT_PIPE_OUTSIDE},
    {"anon_pipe_", WAIT_PIPE_OUTSIDE},
    {"unix_", WAIT_UNIX_OUTSIDE},
    {"inet_csk_accept", WAIT_ACCEPT},
    {"sk_", WAIT_INET_OUTSIDE},
    {"tcp_", WAIT_INET_OUTSIDE},
    {"inet_", WAIT_INET_OUTSIDE},
    {"__skb_wait", WAIT_INET_OUTSIDE},
    {"do_wait", WAIT_CHILD},
    {"kernel_clone", WAIT_CHILD},
    {"folio_wait", WAIT_FILE},
    {"io_schedule", WAIT_FILE},
    {"jbd2_", WAIT_FILE},
    {"do_signal_stop", WAIT_STOPPED},
    {"ptrace_stop", WAIT_STOPPED},
    {"do_sigtimedwait", WAIT_SIGNAL},
    {"sigsuspend", WAIT_SIGNAL},
    {"n_tty_read", WAIT_TERMINAL},
    {"do_semtimedop", WAIT_SYSV},
    {"do_msgrcv", WAIT_SYSV},
};

uint16_t classify_function(const char *function)
{
    for (size_t i = 0; i < ARRAY_SIZE(functions); i++)
        if (strncmp(function, functions[i].prefix, strlen(functions[i].prefix)) == 0)
            return functions[i].kind;
    return WAIT_UNKNOWN;
}
