/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/helper_starter.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/base.h"
#include "probe/wire.h"

/* The starter, as this process sees it. */
static int way = -1; /* -1: there is none */
static pid_t starter = -1;
static unsigned uses_left;

static const char *why_not_executed(int error)
{
    if (error == EPERM)
        return "its file capabilities can't be had here: they are not in this process's bounding set (a container?)";
    if (error == EACCES)
        return "it lies on a file system mounted noexec, or you may not execute it";
    return strerror(error);
}

void helper_starter_exec(const char *path, int socket, const struct helper_request *request)
{
    char fd[16], pid[16], ring[16], threads[16], detail[16], message[512], debug[] = "CONCADVISE_PROBE_DEBUG=1";
    char *environment[] = {getenv("CONCADVISE_PROBE_DEBUG") ? debug : NULL, NULL};
    /* The socket must survive exec: a duplicate has no close-on-exec flag. */
    int inherited = dup(socket);

    (void)snprintf(fd, sizeof(fd), "%d", inherited);
    (void)snprintf(pid, sizeof(pid), "%d", (int)request->target);
    (void)snprintf(ring, sizeof(ring), "%u", request->ring_records);
    (void)snprintf(threads, sizeof(threads), "%u", request->max_threads);
    (void)snprintf(detail, sizeof(detail), "%u", request->detail);
    (void)execle(path, "concadvise-probe", fd, pid, ring, threads, detail, request->running ? "1" : "0", (char *)NULL,
                 environment);
    (void)snprintf(message, sizeof(message), "%s can't be executed: %s", path, why_not_executed(errno));
    (void)wire_send(socket, WIRE_FAILED, message, strlen(message));
    _exit(127);
}

union control {
    struct cmsghdr header; /* for its alignment */
    char bytes[CMSG_SPACE(sizeof(int))];
};

/* @return 1: a request with a socket, 0: our parent has ended, or asks for something else */
static int take_request(int fd, struct helper_request *ret_request, int *ret_socket)
{
    union control control;
    struct iovec part = {.iov_base = ret_request, .iov_len = sizeof(*ret_request)};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes)};
    const struct cmsghdr *passed;
    ssize_t got;

    do
        got = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    passed = CMSG_FIRSTHDR(&message);
    if (got != (ssize_t)sizeof(*ret_request) || !passed || passed->cmsg_type != SCM_RIGHTS ||
        passed->cmsg_len != CMSG_LEN(sizeof(int)))
        return 0;
    memcpy(ret_socket, CMSG_DATA(passed), sizeof(int));
    return 1;
}

static void __attribute__((noreturn)) serve(const char *path, int fd, unsigned uses)
{
    struct helper_request request;
    int socket;

    for (; uses > 0 && take_request(fd, &request, &socket); uses--) {
        /* A sibling of ours: the helper looks whose child it is, and who waits for it. */
        pid_t pid = (pid_t)syscall(SYS_clone, CLONE_PARENT | SIGCHLD, NULL, NULL, NULL, NULL);

        if (pid == 0)
            helper_starter_exec(path, socket, &request);
        if (pid < 0)
            pid = -errno;
        (void)close(socket);
        if (send(fd, &pid, sizeof(pid), MSG_NOSIGNAL) != (ssize_t)sizeof(pid))
            break;
    }
    _exit(0);
}

/* Nothing of the target's is kept open here, and what is for the target does not end us. */
static void stand_aside(int fd)
{
    static const int for_the_target[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    for (size_t i = 0; i < ARRAY_SIZE(for_the_target); i++)
        (void)signal(for_the_target[i], SIG_IGN);
    (void)prctl(PR_SET_DUMPABLE, 0);
    if (null >= 0) {
        (void)dup2(null, STDIN_FILENO);
        (void)dup2(null, STDOUT_FILENO);
    }
    if (fd > STDERR_FILENO + 1)
        (void)close_range(STDERR_FILENO + 1, (unsigned)fd - 1, 0);
    (void)close_range((unsigned)fd + 1, ~0u, 0);
}

int helper_starter_begin(const char *path, unsigned uses)
{
    int sockets[2];
    pid_t pid;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0)
        return -errno;
    pid = fork();
    if (pid == 0) {
        stand_aside(sockets[1]);
        serve(path, sockets[1], uses);
    }
    (void)close(sockets[1]);
    if (pid < 0) {
        (void)close(sockets[0]);
        return -EAGAIN;
    }
    way = sockets[0];
    starter = pid;
    uses_left = uses;
    return 0;
}

static void end(void)
{
    (void)close(TAKE_FD(way));
    (void)waitpid(starter, NULL, 0);
}

bool helper_starter_is_there(void)
{
    return way >= 0;
}

pid_t helper_starter_ask(int socket, const struct helper_request *request)
{
    struct helper_request copy = *request;
    union control control = {.bytes = ""};
    struct iovec part = {.iov_base = &copy, .iov_len = sizeof(copy)};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes)};
    struct cmsghdr *passed = CMSG_FIRSTHDR(&message);
    pid_t pid;
    ssize_t got;

    passed->cmsg_level = SOL_SOCKET;
    passed->cmsg_type = SCM_RIGHTS;
    passed->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(passed), &socket, sizeof(int));
    if (sendmsg(way, &message, MSG_NOSIGNAL) < 0)
        return -errno;
    do
        got = recv(way, &pid, sizeof(pid), 0);
    while (got < 0 && errno == EINTR);
    if (--uses_left == 0 || got != (ssize_t)sizeof(pid))
        end();
    return got == (ssize_t)sizeof(pid) ? pid : -EPIPE;
}
