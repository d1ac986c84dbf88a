/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * unix_peer: which local socket another one is connected to (sock_diag(7), struct unix_diag_req).
 *
 * Needs no privilege. Sees the sockets of our own network namespace only.
 */

#include <stdint.h>

/* @return 0, -ENOENT (no such socket here, or not connected), -errno */
int unix_peer_of(uint64_t inode, uint64_t *ret_peer);
