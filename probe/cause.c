/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/cause.h"

#include "base/base.h"
#include "probe/bpf/abi.h"

/* Without circumstances. Kinds whose cause depends on the process are settled in cause_of_wait(). */
static const enum cause table[WAIT_KIND_COUNT] = {
    [WAIT_UNKNOWN] = CAUSE_COUNT,
    [WAIT_FUTEX_MUTEX] = CAUSE_LOCK,
    [WAIT_FUTEX_OTHER] = CAUSE_HANDOFF,
    [WAIT_FUTEX_JOIN] = CAUSE_JOIN,
    [WAIT_FUTEX_PI] = CAUSE_LOCK,
    [WAIT_FUTEX_TIMEOUT] = CAUSE_HANDOFF,
    [WAIT_SLEEP] = CAUSE_SLEEP,
    [WAIT_EPOLL_TIMEOUT] = CAUSE_SLEEP,
    [WAIT_EPOLL_SIBLING] = CAUSE_HANDOFF,
    [WAIT_EPOLL_TARGET] = CAUSE_IPC,
    [WAIT_EPOLL_OUTSIDE] = CAUSE_NETWORK,
    [WAIT_POLL_TIMEOUT] = CAUSE_SLEEP,
    [WAIT_POLL_SIBLING] = CAUSE_HANDOFF,
    [WAIT_POLL_TARGET] = CAUSE_IPC,
    [WAIT_POLL_OUTSIDE] = CAUSE_NETWORK,
    [WAIT_INET_OUTSIDE] = CAUSE_NETWORK,
    [WAIT_INET_SIBLING] = CAUSE_IPC,
    [WAIT_INET_TARGET] = CAUSE_IPC,
    [WAIT_INET_SERVED] = CAUSE_IDLE,
    [WAIT_INET_TIMEOUT] = CAUSE_NETWORK,
    [WAIT_ACCEPT] = CAUSE_IDLE,
    [WAIT_UNIX_OUTSIDE] = CAUSE_PIPE,
    [WAIT_UNIX_SIBLING] = CAUSE_IPC,
    [WAIT_UNIX_TARGET] = CAUSE_IPC,
    [WAIT_PIPE_OUTSIDE] = CAUSE_PIPE,
    [WAIT_PIPE_SIBLING] = CAUSE_IPC,
    [WAIT_PIPE_TARGET] = CAUSE_IPC,
    [WAIT_EVENTFD] = CAUSE_HANDOFF,
    [WAIT_CHILD] = CAUSE_JOIN,
    [WAIT_FILE] = CAUSE_DISK,
    [WAIT_FAULT] = CAUSE_MEMORY,
    [WAIT_MEMORY] = CAUSE_MEMORY,
    [WAIT_TERMINAL] = CAUSE_TERMINAL,
    [WAIT_SIGNAL] = CAUSE_IDLE,
    [WAIT_SYSV] = CAUSE_IPC,
    [WAIT_IO_URING] = CAUSE_DISK,
    [WAIT_EXEC] = CAUSE_OTHER,
    [WAIT_STOPPED] = CAUSE_STOPPED,
    [WAIT_EXIT] = CAUSE_OTHER,
    [WAIT_OTHER_FD] = CAUSE_OTHER,
    [WAIT_INTERPRETER_LOCK] = CAUSE_INTERPRETER_LOCK,
    [WAIT_RUBY_SLEEP] = CAUSE_SLEEP,
    [WAIT_POOL] = CAUSE_IDLE,
    [WAIT_RUBY_QUEUE] = CAUSE_HANDOFF, /* Thread#join looks the same */
};

/*
 * Go's threads wait for goroutines, not for each other: a futex is an idle M (runtime/lock_futex.go; its mutex waits
 * with value 2, too, as glibc's does, but is the runtime's own), nanosleep is sysmon's, and whichever thread is free
 * looks after timers and connections in epoll (runtime/netpoll_epoll.go).
 */
static enum cause cause_in_go(unsigned int kind, const struct wait_context *context)
{
    if (cause_is_futex(kind) || kind == WAIT_SLEEP)
        return CAUSE_IDLE;
    if (kind == WAIT_EPOLL_OUTSIDE && context->connects)
        return CAUSE_NETWORK;
    return cause_is_epoll(kind) && kind != WAIT_EPOLL_TARGET ? CAUSE_IDLE : table[kind];
}

enum cause cause_of_wait(unsigned int kind, const struct wait_context *context)
{
    if (kind >= WAIT_KIND_COUNT)
        return CAUSE_COUNT;
    if (cause_is_futex(kind) && context->interpreter_lock)
        return CAUSE_INTERPRETER_LOCK;
    if (context->runtime == RUNTIME_GO)
        return cause_in_go(kind, context);
    /* What is none of those is a system thread kept for the next Thread.new (thread_pthread.c, thread cache). */
    if (context->own_waits && (kind == WAIT_FUTEX_OTHER || kind == WAIT_FUTEX_TIMEOUT))
        return CAUSE_IDLE;
    /* Thread.sleep() is a timed wait on the thread's own condition variable (os_posix.cpp). */
    if (context->runtime == RUNTIME_JVM && kind == WAIT_FUTEX_TIMEOUT)
        return CAUSE_SLEEP;
    /* What a ring waits for is in the ring: with connections around it is them, as a rule, else files. */
    if (kind == WAIT_IO_URING && context->connects)
        return CAUSE_NETWORK;
    if (kind == WAIT_IO_URING && context->listens)
        return CAUSE_IDLE;
    /*
     * A server's selector waits for the next request (or a housekeeping timer); nothing is outstanding unless the
     * server is itself a client of somebody.
     */
    if (cause_is_poll(kind) && table[kind] != CAUSE_HANDOFF && context->listens && !context->connects)
        return CAUSE_IDLE;
    return table[kind];
}

bool cause_is_epoll(unsigned int kind)
{
    return kind >= WAIT_EPOLL_TIMEOUT && kind <= WAIT_EPOLL_OUTSIDE;
}

bool cause_is_poll(unsigned int kind)
{
    return kind >= WAIT_EPOLL_TIMEOUT && kind <= WAIT_POLL_OUTSIDE;
}

bool cause_is_futex(unsigned int kind)
{
    return kind >= WAIT_FUTEX_MUTEX && kind <= WAIT_FUTEX_TIMEOUT;
}

bool cause_is_socket(unsigned int kind)
{
    return cause_is_poll(kind) || kind == WAIT_IO_URING || (kind >= WAIT_INET_OUTSIDE && kind <= WAIT_UNIX_TARGET);
}
