/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/replay/replay_child.h"

#include <ctype.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include "base/base.h"
#include "base/parse.h"

#define MAX_ANSWER 65536

uint64_t replay_now_ns(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

/* Under sudo the invoking user is in the environment; a set-id program has it as the real user. */
static int drop_privileges(void)
{
    const char *sudo_uid = getenv("SUDO_UID"), *sudo_gid = getenv("SUDO_GID");
    uint64_t uid = getuid(), gid = getgid();

    if (geteuid() == 0 && sudo_uid && sudo_gid &&
        (parse_u64(sudo_uid, 0, UINT32_MAX - 1, &uid) < 0 || parse_u64(sudo_gid, 0, UINT32_MAX - 1, &gid) < 0))
        return -EINVAL;
    if (geteuid() == 0 && uid != 0 && setgroups(0, NULL) < 0)
        return -errno;
    if (setresgid((gid_t)gid, (gid_t)gid, (gid_t)gid) < 0 || setresuid((uid_t)uid, (uid_t)uid, (uid_t)uid) < 0)
        return -errno;
    return 0;
}

/* In the child, between fork and exec. Leaves the reason of a failure in its exit status (an errno). */
static void __attribute__((noreturn)) become_replayer(char *const argv[], int socket, int errors, pid_t parent)
{
    sigset_t none;

    (void)setpgid(0, 0);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)signal(SIGPIPE, SIG_DFL);
    (void)signal(SIGXFSZ, SIG_DFL);
    (void)signal(SIGINT, SIG_DFL);
    (void)signal(SIGTERM, SIG_DFL);
    (void)unsetenv("NODE_OPTIONS"); /* would load the target's hooks; other interpreters are started isolated */
    if (drop_privileges() < 0)
        _exit(EPERM);
    /* After the change of user, which would clear it. */
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(ECHILD);
    if (dup2(socket, STDIN_FILENO) < 0 || dup2(socket, STDOUT_FILENO) < 0 || dup2(errors, STDERR_FILENO) < 0)
        _exit(errno);
    (void)execv(argv[0], argv);
    _exit(errno);
}

int replay_child_start(char *const argv[], uint64_t deadline_ns, struct replay_child *ret_child)
{
    AUTO_CLOSE int errors = memfd_create("replayer-errors", MFD_CLOEXEC);
    int sockets[2];
    pid_t parent = getpid(), pid;

    if (errors < 0)
        return -errno;
    if (access(argv[0], X_OK) < 0)
        return -errno;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) < 0)
        return -errno;
    pid = fork();
    if (pid == 0)
        become_replayer(argv, sockets[1], errors, parent);
    (void)close(sockets[1]);
    if (pid < 0) {
        (void)close(sockets[0]);
        return -EAGAIN;
    }
    (void)setpgid(pid, pid);
    *ret_child =
        (struct replay_child){.pid = pid, .socket = sockets[0], .errors = TAKE_FD(errors), .deadline_ns = deadline_ns};
    return 0;
}

/* @return 0 when ready, -ETIME, -errno */
static int wait_for(const struct replay_child *child, short events)
{
    for (;;) {
        struct pollfd pollfd = {.fd = child->socket, .events = events};
        uint64_t now_ns = replay_now_ns();
        uint64_t left_ms;
        int r;

        if (now_ns >= child->deadline_ns)
            return -ETIME;
        left_ms = (child->deadline_ns - now_ns) / NSEC_PER_MSEC + 1;
        r = poll(&pollfd, 1, left_ms < INT_MAX ? (int)left_ms : INT_MAX);
        if (r > 0)
            return 0;
        if (r < 0 && errno != EINTR)
            return -errno;
    }
}

static int send_bytes(struct replay_child *child, const char *bytes, size_t size)
{
    while (size) {
        ssize_t n = send(child->socket, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);
        int r;

        if (n >= 0) {
            bytes += n;
            size -= (size_t)n;
            continue;
        }
        if (errno == ECONNRESET)
            return -EPIPE;
        if (errno != EAGAIN && errno != EINTR)
            return -errno;
        r = wait_for(child, POLLOUT);
        if (r < 0)
            return r;
    }
    return 0;
}

int replay_child_send(struct replay_child *child, const char *line)
{
    int r = send_bytes(child, line, strlen(line));

    return r < 0 ? r : send_bytes(child, "\n", 1);
}

int replay_child_receive(struct replay_child *child, char **ret_line)
{
    /* The caller is done with the line that was returned last: drop it. */
    char *end = child->used ? memchr(child->buffer, '\0', child->used) : NULL;

    if (end) {
        child->used -= (size_t)(end + 1 - child->buffer);
        memmove(child->buffer, end + 1, child->used);
    }
    for (;;) {
        ssize_t n;
        int r;

        end = child->used ? memchr(child->buffer, '\n', child->used) : NULL;
        if (end) {
            *end = '\0';
            *ret_line = child->buffer;
            return 0;
        }
        if (child->used >= MAX_ANSWER)
            return -EMSGSIZE;
        if (base_grow(&child->buffer, &child->capacity, child->used + 4096, 1) < 0)
            return -ENOMEM;
        r = wait_for(child, POLLIN);
        if (r < 0)
            return r;
        n = recv(child->socket, child->buffer + child->used, 4096, MSG_DONTWAIT);
        if (n == 0 || (n < 0 && errno == ECONNRESET))
            return -EPIPE;
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return -errno;
        child->used += n > 0 ? (size_t)n : 0;
    }
}

void replay_child_last_words(const struct replay_child *child, char *text, size_t size)
{
    char tail[512];
    off_t length = child->pid ? lseek(child->errors, 0, SEEK_END) : 0;
    off_t from = length > (off_t)sizeof(tail) - 1 ? length - (off_t)sizeof(tail) + 1 : 0;
    ssize_t n = length > 0 ? pread(child->errors, tail, sizeof(tail) - 1, from) : 0;
    char *last = tail;

    tail[n > 0 ? n : 0] = '\0';
    for (char *c = tail; *c; c++) {
        if (*c == '\n' && c[1] && c[1] != '\n')
            last = c + 1;
        else if (!isprint((unsigned char)*c))
            *c = *c == '\n' ? '\0' : '?';
        if (!*c)
            break;
    }
    (void)snprintf(text, size, "%s", last);
}

void replay_child_end(struct replay_child *child)
{
    if (!child->pid)
        return;
    (void)kill(-child->pid, SIGKILL);
    (void)kill(child->pid, SIGKILL); /* should it not have reached its group yet */
    while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    (void)close(child->socket);
    (void)close(child->errors);
    free(child->buffer);
    *child = (struct replay_child){0};
}
