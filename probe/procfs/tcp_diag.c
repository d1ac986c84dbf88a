/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/procfs/tcp_diag.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <stddef.h>
#include <sys/socket.h>

#include "base/base.h"

#define PATIENCE_US 20000

static int send_request(int fd, uint8_t family, const struct tcp_diag_query *query)
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
                 .idiag_ext = query->segments ? 1 << (INET_DIAG_INFO - 1) : 0,
                 .idiag_states = query->states,
                 .id = {.idiag_sport = htons(query->local_port)}},
    };

    return send(fd, &request, sizeof(request), 0) == (ssize_t)sizeof(request) ? 0 : -errno;
}

static void take_segments(const struct inet_diag_msg *body, int size, struct tcp_diag_socket *socket)
{
    for (const struct rtattr *attribute = (const struct rtattr *)(body + 1); RTA_OK(attribute, size);
         attribute = RTA_NEXT(attribute, size)) {
        const struct tcp_info *info = RTA_DATA(attribute);

        if (attribute->rta_type != INET_DIAG_INFO ||
            RTA_PAYLOAD(attribute) < offsetof(struct tcp_info, tcpi_data_segs_out) + sizeof(info->tcpi_data_segs_out))
            continue;
        socket->has_segments = true;
        socket->sent = info->tcpi_data_segs_out;
        socket->received = info->tcpi_data_segs_in;
    }
}

static int take_message(const struct nlmsghdr *header, const struct tcp_diag_query *query, tcp_diag_fn take,
                        void *userdata)
{
    const struct inet_diag_msg *body = NLMSG_DATA(header);
    int rest = (int)header->nlmsg_len - (int)NLMSG_LENGTH(sizeof(*body));
    struct tcp_diag_socket socket = {0};

    /* Some kernels list more states than were asked for: those of requests that are not yet connections. */
    if (rest < 0 || !(query->states & 1u << body->idiag_state))
        return 0;
    socket.inode = body->idiag_inode;
    socket.local_port = ntohs(body->id.idiag_sport);
    socket.remote_port = ntohs(body->id.idiag_dport);
    socket.state = body->idiag_state;
    take_segments(body, rest, &socket);
    return take(&socket, userdata);
}

static int error_of(const struct nlmsghdr *header)
{
    const struct nlmsgerr *error = NLMSG_DATA(header);

    return header->nlmsg_len >= NLMSG_LENGTH(sizeof(*error)) && error->error < 0 ? error->error : -EPROTO;
}

static int take_answer(int fd, const struct tcp_diag_query *query, tcp_diag_fn take, void *userdata)
{
    union {
        struct nlmsghdr header;
        char bytes[32768]; /* NLMSG_GOODSIZE and more: the kernel fills what it is given */
    } buffer;

    for (;;) {
        ssize_t n = recv(fd, &buffer, sizeof(buffer), 0);

        if (n <= 0)
            return n == 0 || errno == EAGAIN ? -ETIMEDOUT : -errno;
        for (const struct nlmsghdr *header = &buffer.header; NLMSG_OK(header, (size_t)n);
             header = NLMSG_NEXT(header, n)) {
            int r = 0;

            if (header->nlmsg_type == NLMSG_DONE)
                return 0;
            if (header->nlmsg_type == NLMSG_ERROR)
                return error_of(header);
            if (header->nlmsg_type == SOCK_DIAG_BY_FAMILY)
                r = take_message(header, query, take, userdata);
            if (r)
                return r;
        }
    }
}

int tcp_diag_list(const struct tcp_diag_query *query, tcp_diag_fn take, void *userdata)
{
    static const uint8_t families[] = {AF_INET, AF_INET6};

    for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
        /* A socket each: what is left unread of the first answer goes with it. */
        AUTO_CLOSE int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
        const struct timeval patience = {.tv_usec = PATIENCE_US};
        int r = fd < 0 ? -errno : setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));

        if (r == 0)
            r = send_request(fd, families[i], query);
        if (r == 0)
            r = take_answer(fd, query, take, userdata);
        if (r)
            return r;
    }
    return 0;
}
