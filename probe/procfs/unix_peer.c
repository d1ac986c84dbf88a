/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/procfs/unix_peer.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <sys/socket.h>

#include "base/base.h"

static int ask(int netlink, uint64_t inode)
{
    struct {
        struct nlmsghdr header;
        struct unix_diag_req request;
    } message = {
        .header = {.nlmsg_len = sizeof(message), .nlmsg_type = SOCK_DIAG_BY_FAMILY, .nlmsg_flags = NLM_F_REQUEST},
        .request = {.sdiag_family = AF_UNIX,
                    .udiag_states = UINT32_MAX,
                    .udiag_ino = (uint32_t)inode,
                    .udiag_show = UDIAG_SHOW_PEER,
                    .udiag_cookie = {UINT32_MAX, UINT32_MAX}},
    };

    return send(netlink, &message, sizeof(message), 0) < 0 ? -errno : 0;
}

static int take_answer(const struct nlmsghdr *header, size_t length, uint64_t *ret_peer)
{
    const struct unix_diag_msg *message;
    int left;

    if (!NLMSG_OK(header, length) || header->nlmsg_type != SOCK_DIAG_BY_FAMILY)
        return -ENOENT;
    message = NLMSG_DATA(header);
    left = (int)(header->nlmsg_len - NLMSG_LENGTH(sizeof(*message)));
    for (const struct rtattr *at = (const struct rtattr *)(message + 1); RTA_OK(at, left); at = RTA_NEXT(at, left)) {
        if (at->rta_type != UNIX_DIAG_PEER || RTA_PAYLOAD(at) < sizeof(uint32_t))
            continue;
        *ret_peer = *(const uint32_t *)RTA_DATA(at);
        return 0;
    }
    return -ENOENT;
}

int unix_peer_of(uint64_t inode, uint64_t *ret_peer)
{
    AUTO_CLOSE int netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    _Alignas(struct nlmsghdr) char buffer[1024];
    ssize_t n;
    int r;

    if (netlink < 0)
        return -errno;
    r = ask(netlink, inode);
    if (r < 0)
        return r;
    n = recv(netlink, buffer, sizeof(buffer), 0);
    if (n < 0)
        return -errno;
    return take_answer((const struct nlmsghdr *)buffer, (size_t)n, ret_peer);
}
