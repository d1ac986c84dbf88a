/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/procfs/segments.h"

#include "base/base.h"
#include "probe/procfs/tcp_diag.h"

#define FOUND 1

struct wanted {
    uint64_t inode;
    struct segments *ret_segments;
};

/* tcp_diag_fn */
static int take_connection(const struct tcp_diag_socket *socket, void *userdata)
{
    const struct wanted *wanted = userdata;

    if (socket->inode != wanted->inode)
        return 0;
    if (!socket->has_segments)
        return -EOPNOTSUPP;
    wanted->ret_segments->sent = socket->sent;
    wanted->ret_segments->received = socket->received;
    return FOUND;
}

int segments_of(uint16_t port, uint64_t inode, struct segments *ret_segments)
{
    const struct tcp_diag_query query = {.states = 1u << TCP_DIAG_ESTABLISHED, .local_port = port, .segments = true};
    struct wanted wanted = {inode, ret_segments};
    int r = tcp_diag_list(&query, take_connection, &wanted);

    if (r == FOUND)
        return 0;
    return r < 0 ? r : -ENOENT;
}
