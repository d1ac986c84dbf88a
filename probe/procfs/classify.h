/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * classify: what a blocked thread waits for, from the system call it is in.
 *
 * The table of calls is the one the BPF programs use (probe/bpf/calls.bpf.h), and the rules are those of
 * probe/bpf/cause.bpf.h: the same call is the same kind of wait under both probes. What only the end of a wait tells,
 * who woke it, nobody sees here: descriptors.h looks at who holds the other end instead.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct task_call;

struct call_facts {
    uint16_t kind;  /* enum wait_kind; of a wait for `fd` alone: what it is if the descriptor tells nothing */
    int fd;         /* the wait is for this descriptor alone; -1: kind says it all */
    bool accepting; /* it awaits a connection */
    int fds[16];    /* of poll over several; further ones are left out */
    uint32_t n_fds;
    bool goes_on;        /* a wait that was interrupted (restart_syscall): as before */
    uint64_t address;    /* futex word or epoll descriptor; 0: none */
    uint64_t timeout_ns; /* after which it ends by itself; 0: never, or not known */
};

/* @param pid  of the process, whose memory holds timeouts and the like; what can't be read is left out */
struct call_facts classify_call(pid_t pid, const struct task_call *call);

/*
 * Where the call is not shown to us (Yama's scope 2, a target that gained rights): by the kernel's function that it
 * sleeps in.
 * @param function  of /proc/PID/wchan; "0" or empty: not known
 * @return enum wait_kind
 */
uint16_t classify_function(const char *function);
