/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/procfs/segments.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <stddef.h>
#include <sys/socket.h>

#include "base/base.h"

#define ESTABLISHED 1 /* include/net/tcp_states.h */
#define REPLIES_MAX 256

static int send_request(int fd, uint8_t family, uint16_t port)
{
    struct {
        struct nlmsghdr header;
        struct inet_diag_req_v2 body;
    } request = {
        .header = {.nlmsg_len = sizeof(request),
                   .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                   .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
        .body = {.sdiag_family = family,
                 .sdiag_protocol = IPPROTO_TCP,
                 .idiag_ext = 1 << (INET_DIAG_INFO - 1),
                 .idiag_states = 1U << ESTABLISHED,
                 .id = {.idiag_sport = htons(port)}},
    };

    return send(fd, &request, sizeof(request), 0) == (ssize_t)sizeof(request) ? 0 : -errno;
}

/* One connection of the answer. @return 1: this is it, 0: another, -EOPNOTSUPP */
static int take_socket(const struct nlmsghdr *header, uint64_t inode, struct segments *ret_segments)
{
    const struct inet_diag_msg *body = NLMSG_DATA(header);
    int rest = (int)header->nlmsg_len - (int)NLMSG_LENGTH(sizeof(*body));

    if (rest < 0 || body->idiag_inode != inode)
        return 0;
    for (const struct rtattr *attribute = (const struct rtattr *)(body + 1); RTA_OK(attribute, rest);
         attribute = RTA_NEXT(attribute, rest)) {
        const struct tcp_info *info = RTA_DATA(attribute);

        if (attribute->rta_type != INET_DIAG_INFO)
            continue;
        if (RTA_PAYLOAD(attribute) < offsetof(struct tcp_info, tcpi_data_segs_out) + sizeof(info->tcpi_data_segs_out))
            return -EOPNOTSUPP;
        ret_segments->sent = info->tcpi_data_segs_out;
        ret_segments->received = info->tcpi_data_segs_in;
        return 1;
    }
    return -EOPNOTSUPP;
}

/* @return 1: found, 0: none of this family, -errno */
static int take_answer(int fd, uint64_t inode, struct segments *ret_segments)
{
    union {
        struct nlmsghdr header;
        char bytes[16384];
    } buffer;

    for (int i = 0; i < REPLIES_MAX; i++) {
        ssize_t n = recv(fd, &buffer, sizeof(buffer), 0);

        if (n <= 0)
            return n < 0 ? -errno : 0;
        for (const struct nlmsghdr *header = &buffer.header; NLMSG_OK(header, (size_t)n);
             header = NLMSG_NEXT(header, n)) {
            int r = 0;

            if (header->nlmsg_type == NLMSG_DONE || header->nlmsg_type == NLMSG_ERROR)
                return 0;
            if (header->nlmsg_type == SOCK_DIAG_BY_FAMILY)
                r = take_socket(header, inode, ret_segments);
            if (r)
                return r;
        }
    }
    return 0;
}

int segments_of(uint16_t port, uint64_t inode, struct segments *ret_segments)
{
    static const uint8_t families[] = {AF_INET, AF_INET6};

    for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
        /* A socket each: what is left unread of the first answer goes with it. */
        AUTO_CLOSE int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
        const struct timeval patience = {.tv_usec = 20000};
        int r = fd < 0 ? -errno : setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));

        if (r == 0)
            r = send_request(fd, families[i], port);
        if (r == 0)
            r = take_answer(fd, inode, ret_segments);
        if (r)
            return r < 0 ? r : 0;
    }
    return -ENOENT;
}
