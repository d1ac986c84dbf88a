/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * held: sockets for tests of probe/procfs, and a child that holds some of them. Failures end the test program.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A server on a free port of the loopback address; AF_INET or AF_INET6. */
int listen_tcp(int family);

/* A connection to that server, which need not accept it. */
int connect_to(int listener);

/* A child that does nothing but own what `descriptors` names, so that other sockets of the test don't count. */
pid_t keep_only(const int *descriptors, size_t n);

/* Inode number of what the descriptor names. */
uint64_t inode_of(int fd);

/* Kill and reap it. */
void end_held(pid_t child);
