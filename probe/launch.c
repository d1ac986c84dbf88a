/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/launch.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "base/base.h"
#include "probe/user.h"

static bool is_executable_file(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 && S_ISREG(status.st_mode) && access(path, X_OK) == 0;
}

int launch_resolve(const char *command, char **ret_path)
{
    const char *path = getenv("PATH");
    bool found = false;

    if (strchr(command, '/')) {
        if (is_executable_file(command)) {
            *ret_path = strdup(command);
            return *ret_path ? 0 : -ENOMEM;
        }
        return access(command, F_OK) == 0 ? -EACCES : -ENOENT;
    }
    if (!*command)
        return -ENOENT;
    for (const char *at = path ? path : "/usr/local/bin:/usr/bin:/bin"; at;) {
        const char *end = strchrnul(at, ':');
        AUTO_FREE char *candidate = NULL;

        if (asprintf(&candidate, "%.*s%s%s", (int)(end - at), at, end > at ? "/" : "./", command) < 0)
            return -ENOMEM;
        if (is_executable_file(candidate)) {
            *ret_path = TAKE_PTR(candidate);
            return 0;
        }
        found = found || access(candidate, F_OK) == 0;
        at = *end ? end + 1 : NULL;
    }
    return found ? -EACCES : -ENOENT;
}

static void __attribute__((noreturn)) give_up(int failure, int error)
{
    (void)!write(failure, &error, sizeof(error));
    _exit(127);
}

/* Signals as we found them. */
static void restore_signals(const struct launch_options *options)
{
    if (options->child_action)
        (void)sigaction(SIGCHLD, options->child_action, NULL);
    (void)sigprocmask(SIG_SETMASK, options->mask, NULL);
}

/*
 * The child: becomes the target's user, which the helper goes by, sleeps until a byte comes (end of file: we were given
 * up), then becomes the target. Never returns.
 */
static void __attribute__((noreturn))
child(const struct launch_options *options, const struct user *user, int go, int failure)
{
    int error = user->change ? user_become(user, NULL) : user_settle();
    ssize_t got;
    char byte;

    if (error < 0)
        give_up(failure, error);
    do
        got = read(go, &byte, 1);
    while (got < 0 && errno == EINTR);
    if (got != 1)
        _exit(125);
    if (options->stdout_to_stderr && dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
        give_up(failure, -errno);
    restore_signals(options);
    (void)execvp(options->argv[0], options->argv);
    give_up(failure, -errno);
}

/* Wait (bounded) until the child sleeps in its read, so that the next wake-up is the release, or has given up. */
static void wait_until_asleep(pid_t pid)
{
    char path[64], text[512];

    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    for (int i = 0; i < 2000; i++) {
        AUTO_FCLOSE FILE *file = fopen(path, "re");
        const char *state;

        if (!file || !fgets(text, sizeof(text), file))
            return;
        state = strrchr(text, ')');
        if (state && state[1] == ' ' && (state[2] == 'S' || state[2] == 'Z'))
            return;
        (void)nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
    }
}

/* @return 0: it sleeps, or -errno: it could not become whom it runs as, and has been reaped */
static int check_held(pid_t pid, int failure)
{
    struct pollfd said = {.fd = failure, .events = POLLIN};
    int error = 0;

    if (poll(&said, 1, 0) <= 0)
        return 0;
    if (read(failure, &error, sizeof(error)) != (ssize_t)sizeof(error) || error >= 0)
        error = -ECHILD;
    (void)waitpid(pid, NULL, 0);
    return error;
}

int launch_hold(const struct launch_options *options, struct launch *ret_launch, char *message, size_t size)
{
    AUTO_CLOSE int go_read = -1;
    AUTO_CLOSE int go_write = -1;
    AUTO_CLOSE int failure_read = -1;
    AUTO_CLOSE int failure_write = -1;
    struct user user;
    int fds[2], r;
    pid_t pid;

    r = user_of_target(options->user, &user, message, size);
    if (r < 0)
        return r;
    if (pipe2(fds, O_CLOEXEC) < 0)
        return -errno;
    go_read = fds[0];
    go_write = fds[1];
    if (pipe2(fds, O_CLOEXEC) < 0)
        return -errno;
    failure_read = fds[0];
    failure_write = fds[1];
    pid = fork();
    if (pid < 0)
        return -errno;
    if (pid == 0) {
        (void)close(go_write);
        child(options, &user, go_read, failure_write);
    }
    (void)close(TAKE_FD(failure_write));
    wait_until_asleep(pid);
    r = check_held(pid, failure_read);
    if (r < 0) {
        (void)snprintf(message, size, "can't run the target as %s: %s", options->user ? options->user : "that user",
                       strerror(-r));
        return r;
    }
    ret_launch->pid = pid;
    ret_launch->go = TAKE_FD(go_write);
    ret_launch->failure = TAKE_FD(failure_read);
    return 0;
}

int launch_release(struct launch *launch)
{
    int error = 0;
    ssize_t got;

    if (write(launch->go, "g", 1) != 1)
        return -errno;
    do
        got = read(launch->failure, &error, sizeof(error));
    while (got < 0 && errno == EINTR);
    launch_close(launch);
    if (got != (ssize_t)sizeof(error))
        return 0;
    (void)waitpid(launch->pid, NULL, 0);
    return error;
}

void launch_close(struct launch *launch)
{
    base_close_fd(&launch->go);
    base_close_fd(&launch->failure);
    launch->go = launch->failure = -1;
}

void launch_abort(struct launch *launch)
{
    launch_close(launch);
    if (launch->pid > 0) {
        (void)kill(launch->pid, SIGKILL);
        (void)waitpid(launch->pid, NULL, 0);
    }
    launch->pid = -1;
}
