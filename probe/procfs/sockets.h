/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * sockets: which of a set of socket inodes listen, and which are connections, by sock_diag(7), and by the
 * tables in /proc/PID/net where the process has a network namespace of its own.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "probe/procfs/peek.h"

/* Socket inodes, unordered until sockets_classify(). */
struct socket_set {
    uint64_t inodes[PEEK_MAX_FDS];
    size_t n;
};

/* TCP ports that a process listens on. */
struct port_set {
    uint16_t ports[64]; /* further ones are forgotten */
    size_t n;
};

/*
 * Sort the set and look its members up in the network namespace of `pid`.
 *
 * @param ports        ports known to be listened on; those of the set are added
 * @param table        used where the process is in our network namespace
 * @param ret_sockets  truncated is left alone
 * @return 0, -ENOMEM
 */
int sockets_classify(pid_t pid, struct socket_set *set, struct port_set *ports, struct tcp_table *table,
                     struct peek_sockets *ret_sockets);
