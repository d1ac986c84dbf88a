/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * descriptors: what a wait for a descriptor means: who holds the other end.
 *
 * Under BPF the waker tells; here the kernel's tables do: /proc/PID/fd of all processes of the target, unix_diag
 * (sock_diag(7)) for the peers of local sockets, its list of TCP connections. Needs no privilege for processes of one's
 * own. The tables are read anew when something unknown is asked for, and no more often than they are cheap.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct descriptors; /* opaque */

struct descriptors *descriptors_new(void); /* NULL: no memory */
void descriptors_free(struct descriptors *descriptors);

/* The processes of the target, for all that is asked until the next call. Borrowed. */
void descriptors_set_target(struct descriptors *descriptors, const uint32_t *pids, size_t n, uint64_t now);

/* @return enum wait_kind of a wait for that descriptor; WAIT_UNKNOWN: it can't be looked at */
uint16_t descriptors_kind(struct descriptors *descriptors, pid_t pid, int fd, bool accepting);

/* @return enum wait_kind of a wait for whatever this epoll descriptor watches */
uint16_t descriptors_epoll_kind(struct descriptors *descriptors, pid_t pid, int epfd);

/* Likewise of poll over these. */
uint16_t descriptors_poll_kind(struct descriptors *descriptors, pid_t pid, const int *fds, size_t n);
