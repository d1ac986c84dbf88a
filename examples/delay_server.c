/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * delay_server: an HTTP/1.1 server on the loopback that answers late, for examples and tests.
 *
 *   delay_server [PORT]          PORT 0 (the default) takes a free one; the port is printed on a line of its own
 *   GET /delay/<ms>[/<bytes>]    200 after <ms> milliseconds with a body of <bytes> (default 64) of CSV-like text
 *
 * One thread, epoll, a heap of deadlines; thousands of connections, keep-alive. It ends with its parent. It plays the
 * peer that the measured program waits for, so it is always started outside the target.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_DELAY_MS 600000
#define MAX_BODY_BYTES (64UL << 20)
#define REQUEST_BYTES 8192
#define NOT_WAITING SIZE_MAX

static const char body_line[] = "4711,Ada Lovelace,1815-12-10,London,3.14159,analytical engine\r\n";
#define BODY_LINE_BYTES (sizeof(body_line) - 1)
static char body[1000 * BODY_LINE_BYTES]; /* the line again and again; longer bodies start over */

struct connection {
    int fd;
    bool close_after;            /* the client asked for it, or spoke nonsense */
    char request[REQUEST_BYTES]; /* what has been read and not answered yet */
    size_t request_len;
    uint64_t deadline_ns; /* when the answer is due */
    size_t heap_index;    /* position in the heap; NOT_WAITING: not in it */
    char header[160];
    size_t header_len; /* 0: nothing to send */
    size_t sent;       /* of header and body together */
    size_t body_len;
};

struct server {
    int epoll_fd;
    int listen_fd;
    struct connection **heap; /* by deadline, earliest first */
    size_t heap_len;
    size_t heap_capacity;
};

static uint64_t now_ns(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000U + (uint64_t)ts.tv_nsec;
}

static void heap_place(struct server *server, size_t index, struct connection *connection)
{
    server->heap[index] = connection;
    connection->heap_index = index;
}

static void heap_sift(struct server *server, size_t index)
{
    struct connection *moving = server->heap[index];

    while (index > 0 && server->heap[(index - 1) / 2]->deadline_ns > moving->deadline_ns) {
        heap_place(server, index, server->heap[(index - 1) / 2]);
        index = (index - 1) / 2;
    }
    for (;;) {
        size_t child = index * 2 + 1;

        if (child >= server->heap_len)
            break;
        if (child + 1 < server->heap_len && server->heap[child + 1]->deadline_ns < server->heap[child]->deadline_ns)
            child++;
        if (server->heap[child]->deadline_ns >= moving->deadline_ns)
            break;
        heap_place(server, index, server->heap[child]);
        index = child;
    }
    heap_place(server, index, moving);
}

static bool heap_add(struct server *server, struct connection *connection)
{
    if (server->heap_len == server->heap_capacity) {
        size_t capacity = server->heap_capacity ? server->heap_capacity * 2 : 256;
        struct connection **heap = realloc(server->heap, capacity * sizeof(struct connection *));

        if (!heap)
            return false;
        server->heap = heap;
        server->heap_capacity = capacity;
    }
    heap_place(server, server->heap_len++, connection);
    heap_sift(server, connection->heap_index);
    return true;
}

static void heap_remove(struct server *server, struct connection *connection)
{
    size_t index = connection->heap_index;
    struct connection *last;

    if (index == NOT_WAITING)
        return;
    connection->heap_index = NOT_WAITING;
    last = server->heap[--server->heap_len];
    if (last == connection)
        return;
    heap_place(server, index, last);
    heap_sift(server, index);
}

static void connection_free(struct server *server, struct connection *connection)
{
    heap_remove(server, connection);
    (void)close(connection->fd);
    free(connection);
}

/* Arm for reading, or for writing while an answer is stuck in a full socket buffer. */
static void connection_watch(struct server *server, struct connection *connection, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = connection};

    (void)epoll_ctl(server->epoll_fd, EPOLL_CTL_MOD, connection->fd, &event);
}

/* Compose the head of the answer; the body is generated while sending. */
static void connection_prepare(struct connection *connection, const char *status, size_t body_len)
{
    connection->body_len = body_len;
    connection->sent = 0;
    connection->header_len =
        (size_t)snprintf(connection->header, sizeof(connection->header),
                         "HTTP/1.1 %s\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\nConnection: %s\r\n\r\n",
                         status, body_len, connection->close_after ? "close" : "keep-alive");
}

/*
 * Take one complete request out of the buffer.
 * @return true when there was one; the answer is prepared and its deadline set
 */
static bool connection_parse(struct connection *connection)
{
    char *end;
    size_t length;
    unsigned long ms = 0, bytes = BODY_LINE_BYTES;
    int fields;

    connection->request[connection->request_len] = '\0';
    end = strstr(connection->request, "\r\n\r\n");
    if (!end)
        return false;
    *end = '\0';
    length = (size_t)(end - connection->request) + 4;
    fields = sscanf(connection->request, "GET /delay/%9lu/%9lu", &ms, &bytes);
    connection->close_after =
        strcasestr(connection->request, "\r\nConnection: close") || strstr(connection->request, " HTTP/1.0\r\n");
    if (fields < 1 || ms > MAX_DELAY_MS || bytes > MAX_BODY_BYTES) {
        connection_prepare(connection, "404 Not Found", 0);
        ms = 0;
    } else {
        connection_prepare(connection, "200 OK", bytes);
    }
    connection->deadline_ns = now_ns() + ms * 1000000U;
    connection->request_len -= length;
    memmove(connection->request, connection->request + length, connection->request_len);
    return true;
}

/* @return false when the socket is full (try again later) or broken (*ret_broken) */
static bool connection_send(struct connection *connection, bool *ret_broken)
{
    size_t total = connection->header_len + connection->body_len;

    while (connection->sent < total) {
        size_t in_body = connection->sent - connection->header_len;
        const char *from = connection->header + connection->sent;
        size_t size = connection->header_len - connection->sent;
        int flags = MSG_NOSIGNAL | (connection->body_len ? MSG_MORE : 0); /* header and a small body in one piece */
        ssize_t n;

        if (connection->sent >= connection->header_len) {
            from = body + in_body % BODY_LINE_BYTES;
            size = sizeof(body) - in_body % BODY_LINE_BYTES;
            if (size > total - connection->sent)
                size = total - connection->sent;
            flags = MSG_NOSIGNAL;
        }
        n = send(connection->fd, from, size, flags);
        if (n < 0) {
            *ret_broken = errno != EAGAIN;
            return false;
        }
        connection->sent += (size_t)n;
    }
    connection->header_len = 0;
    return true;
}

/* Go on with a connection: send what is due, take the next request, queue it. Frees the connection at its end. */
static void connection_advance(struct server *server, struct connection *connection)
{
    bool broken = false;

    for (;;) {
        if (connection->header_len) {
            if (connection->deadline_ns > now_ns()) {
                if (!heap_add(server, connection))
                    connection_free(server, connection);
                return;
            }
            if (!connection_send(connection, &broken)) {
                if (broken)
                    connection_free(server, connection);
                else
                    connection_watch(server, connection, EPOLLOUT);
                return;
            }
            connection_watch(server, connection, EPOLLIN);
            if (connection->close_after) {
                connection_free(server, connection);
                return;
            }
        }
        if (!connection_parse(connection))
            return;
    }
}

static void connection_readable(struct server *server, struct connection *connection)
{
    size_t room = REQUEST_BYTES - 1 - connection->request_len;
    ssize_t n = recv(connection->fd, connection->request + connection->request_len, room, 0);

    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0) { /* closed, broken, or a request too long for the buffer */
        connection_free(server, connection);
        return;
    }
    connection->request_len += (size_t)n;
    if (connection->heap_index == NOT_WAITING)
        connection_advance(server, connection);
}

static void server_accept(struct server *server)
{
    int fd, one = 1;

    while ((fd = accept4(server->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct connection *connection = calloc(1, sizeof(*connection));
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};

        if (!connection || epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
            free(connection);
            (void)close(fd);
            continue;
        }
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)); /* no wait for the client's ACK */
        connection->fd = fd;
        connection->heap_index = NOT_WAITING;
    }
}

/* Answer everything that is due. @return milliseconds until the next deadline, -1: none */
static int server_answer_due(struct server *server)
{
    while (server->heap_len) {
        struct connection *first = server->heap[0];
        uint64_t now = now_ns();

        if (first->deadline_ns > now)
            return (int)((first->deadline_ns - now + 999999) / 1000000);
        heap_remove(server, first);
        connection_advance(server, first);
    }
    return -1;
}

static int server_listen(struct server *server, uint16_t port, uint16_t *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    socklen_t length = sizeof(address);
    int one = 1;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    server->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    server->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (server->listen_fd < 0 || server->epoll_fd < 0 ||
        setsockopt(server->listen_fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
        bind(server->listen_fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        listen(server->listen_fd, 4096) < 0 ||
        getsockname(server->listen_fd, (struct sockaddr *)&address, &length) < 0 ||
        epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, server->listen_fd, &event) < 0)
        return -errno;
    *ret_port = ntohs(address.sin_port);
    return 0;
}

static void server_loop(struct server *server)
{
    struct epoll_event events[256];

    for (;;) {
        int n = epoll_wait(server->epoll_fd, events, 256, server_answer_due(server));

        for (int i = 0; i < n; i++) {
            struct connection *connection = events[i].data.ptr;

            if (!connection)
                server_accept(server);
            else if (events[i].events & EPOLLOUT)
                connection_advance(server, connection);
            else
                connection_readable(server, connection);
        }
    }
}

int main(int argc, char **argv)
{
    struct server server = {0};
    struct rlimit files;
    unsigned long port = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;
    pid_t parent = getppid();
    uint16_t bound = 0;
    int r;

    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        return 1;
    if (!getrlimit(RLIMIT_NOFILE, &files)) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    for (size_t at = 0; at < sizeof(body); at += BODY_LINE_BYTES)
        memcpy(body + at, body_line, BODY_LINE_BYTES);
    r = port > UINT16_MAX ? -EINVAL : server_listen(&server, (uint16_t)port, &bound);
    if (r < 0) {
        (void)fprintf(stderr, "delay_server: cannot listen on 127.0.0.1:%lu: %s\n", port, strerror(-r));
        return 1;
    }
    (void)printf("%u\n", bound);
    (void)fflush(stdout);
    server_loop(&server);
}
