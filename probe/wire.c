/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/wire.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/base.h"

static int send_all(int fd, struct iovec *parts, size_t n_parts)
{
    while (n_parts) {
        struct msghdr message = {.msg_iov = parts, .msg_iovlen = n_parts};
        ssize_t sent = sendmsg(fd, &message, MSG_NOSIGNAL);

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return -errno;
        while (n_parts && (size_t)sent >= parts->iov_len) {
            sent -= (ssize_t)parts->iov_len;
            parts++;
            n_parts--;
        }
        if (n_parts) {
            parts->iov_base = (char *)parts->iov_base + sent;
            parts->iov_len -= (size_t)sent;
        }
    }
    return 0;
}

int wire_send(int fd, enum wire_type type, const void *payload, size_t size)
{
    struct wire_header header = {.type = type, .size = (uint32_t)size};
    struct iovec parts[] = {
        {.iov_base = &header, .iov_len = sizeof(header)},
        {.iov_base = (void *)(uintptr_t)payload, .iov_len = size},
    };

    if (size > WIRE_MAX)
        return -EMSGSIZE;
    return send_all(fd, parts, size ? 2 : 1);
}

/* A stream socket is writable while three quarters of its buffer are free (net/unix/af_unix.c, unix_writable()). */
bool wire_has_room(int fd)
{
    struct pollfd room = {.fd = fd, .events = POLLOUT};

    return poll(&room, 1, 0) > 0;
}

/* @return 1: filled, 0: closed before the first byte, -errno, -EPROTO: closed in the middle */
static int receive_all(int fd, void *data, size_t size)
{
    size_t have = 0;

    while (have < size) {
        ssize_t got = recv(fd, (char *)data + have, size - have, 0);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            return have ? -EPROTO : 0;
        have += (size_t)got;
    }
    return 1;
}

int wire_receive(int fd, struct wire_header *ret_header, void **buffer, size_t *capacity)
{
    struct wire_header header;
    int r = receive_all(fd, &header, sizeof(header));

    if (r <= 0)
        return r;
    if (header.size > WIRE_MAX)
        return -EPROTO;
    r = base_grow(buffer, capacity, (size_t)header.size + 1, 1);
    if (r < 0)
        return r;
    if (header.size) {
        r = receive_all(fd, *buffer, header.size);
        if (r <= 0)
            return r < 0 ? r : -EPROTO;
    }
    ((char *)*buffer)[header.size] = '\0'; /* texts are used as strings */
    *ret_header = header;
    return 1;
}
