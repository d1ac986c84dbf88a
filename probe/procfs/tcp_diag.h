/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * tcp_diag: the TCP sockets of our own network namespace, as the kernel lists them (sock_diag(7)).
 *
 * Needs no privilege. Unlike /proc/net/tcp it leaves out states that nobody asked for: beside thousands of connections
 * in TIME_WAIT that table takes milliseconds to print. Refuses to remember anything.
 */

#include <stdbool.h>
#include <stdint.h>

/* include/net/tcp_states.h */
#define TCP_DIAG_ESTABLISHED 1
#define TCP_DIAG_LISTEN 10

struct tcp_diag_query {
    uint32_t states;     /* set of bits 1 << TCP_DIAG_... */
    uint16_t local_port; /* host byte order; 0: any */
    bool segments;       /* fill the counts */
};

struct tcp_diag_socket {
    uint64_t inode;
    uint16_t local_port; /* host byte order */
    uint16_t remote_port;
    uint8_t state;     /* TCP_DIAG_... */
    bool has_segments; /* the counts are known (Linux 4.6+) */
    uint64_t sent;     /* segments with data, retransmissions included (struct tcp_info) */
    uint64_t received;
};

/* @return 0: go on; anything else ends the list and is its result */
typedef int (*tcp_diag_fn)(const struct tcp_diag_socket *socket, void *userdata);

/*
 * Call `take` for every socket that fits, IPv4 and IPv6.
 *
 * @return 0, what `take` returned, -errno (-ETIMEDOUT: no answer in 20 ms; -ENOENT, -EPROTONOSUPPORT: no such interface
 *         in this kernel)
 */
int tcp_diag_list(const struct tcp_diag_query *query, tcp_diag_fn take, void *userdata);
