/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * segments: how much talking goes on over one TCP connection, as the kernel counts it (sock_diag(7), struct tcp_info).
 *
 * Needs no privilege. Sees the connections of our own network namespace only.
 */

#include <stdint.h>

struct segments {
    uint64_t sent; /* segments with data, retransmissions included */
    uint64_t received;
};

/*
 * @param port   local port, host byte order
 * @param inode  of the socket
 * @return 0, -ENOENT (no such connection here), -EOPNOTSUPP (the kernel does not tell), -errno
 */
int segments_of(uint16_t port, uint64_t inode, struct segments *ret_segments);
