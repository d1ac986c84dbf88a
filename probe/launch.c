/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/launch.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "base/base.h"
#include "base/parse.h"

/* Whom the target runs as; `change` false: as we are. */
struct identity {
    bool change;
    uid_t uid;
    gid_t gid;
    char name[256]; /* for the supplementary groups; empty: none */
};

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

static int identity_of_user(const struct passwd *user, struct identity *ret_identity)
{
    ret_identity->change = true;
    ret_identity->uid = user->pw_uid;
    ret_identity->gid = user->pw_gid;
    (void)snprintf(ret_identity->name, sizeof(ret_identity->name), "%s", user->pw_name);
    return 0;
}

static int find_identity(const char *user, struct identity *ret_identity, char *message, size_t size)
{
    const char *sudo_uid = getenv("SUDO_UID");
    const struct passwd *entry;
    uint64_t uid;

    memset(ret_identity, 0, sizeof(*ret_identity));
    if (user) {
        entry = getpwnam(user);
        if (!entry) {
            (void)snprintf(message, size, "no such user: %s", user);
            return -EINVAL;
        }
        return identity_of_user(entry, ret_identity);
    }
    if (geteuid() != 0 || !sudo_uid || parse_u64(sudo_uid, 1, UINT32_MAX - 1, &uid) < 0)
        return 0;
    entry = getpwuid((uid_t)uid);
    if (entry)
        return identity_of_user(entry, ret_identity);
    ret_identity->change = true;
    ret_identity->uid = (uid_t)uid;
    ret_identity->gid = (gid_t)uid;
    return 0;
}

static int become(const struct identity *identity)
{
    if (!identity->change)
        return 0;
    if (identity->uid == getuid() && identity->uid == geteuid())
        return 0;
    if (identity->name[0] ? initgroups(identity->name, identity->gid) < 0 : setgroups(0, NULL) < 0)
        return -errno;
    if (setresgid(identity->gid, identity->gid, identity->gid) < 0 ||
        setresuid(identity->uid, identity->uid, identity->uid) < 0)
        return -errno;
    return 0;
}

/* The child: asleep until a byte comes (end of file: we were given up), then the target. Never returns. */
static void child(const struct launch_options *options, const struct identity *identity, int go, int failure)
{
    ssize_t got;
    char byte;
    int error;

    do
        got = read(go, &byte, 1);
    while (got < 0 && errno == EINTR);
    if (got != 1)
        _exit(125);
    error = become(identity);
    if (error == 0 && options->stdout_to_stderr && dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
        error = -errno;
    if (error == 0) {
        (void)sigprocmask(SIG_SETMASK, options->mask, NULL);
        (void)execvp(options->argv[0], options->argv);
        error = -errno;
    }
    (void)!write(failure, &error, sizeof(error));
    _exit(127);
}

/* Wait (bounded) until the child sleeps in its read, so that the next wake-up is the release. */
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
        if (state && state[1] == ' ' && state[2] == 'S')
            return;
        (void)nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
    }
}

int launch_hold(const struct launch_options *options, struct launch *ret_launch, char *message, size_t size)
{
    AUTO_CLOSE int go_read = -1;
    AUTO_CLOSE int go_write = -1;
    AUTO_CLOSE int failure_read = -1;
    AUTO_CLOSE int failure_write = -1;
    struct identity identity;
    int fds[2], r;
    pid_t pid;

    r = find_identity(options->user, &identity, message, size);
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
        child(options, &identity, go_read, failure_write);
    }
    wait_until_asleep(pid);
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
