/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/helper_attach.h"

#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/base.h"

/* For good: only ever called in a child. */
static int become_the_caller(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};
    uid_t uid = getuid();
    gid_t gid = getgid();

    if (uid == 0)
        return 0;
    if (setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
        return -errno;
    return syscall(SYS_capset, &header, none) < 0 ? -errno : 0;
}

/* @return 0 or a positive errno: it is the exit status */
static int look_as_the_caller(pid_t pid)
{
    char path[64], target[PATH_MAX];
    int r = become_the_caller();

    (void)snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
    if (r == 0 && readlink(path, target, sizeof(target)) < 0)
        r = -errno;
    return -r;
}

static int ask_as_the_caller(pid_t pid)
{
    pid_t child = fork();
    int status;

    if (child < 0)
        return -errno;
    if (child == 0)
        _exit(look_as_the_caller(pid));
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return -errno;
    return WIFEXITED(status) ? -WEXITSTATUS(status) : -ECHILD;
}

int helper_attach_is_there(int pidfd, char *message, size_t size)
{
    struct pollfd process = {.fd = pidfd, .events = POLLIN};

    if (poll(&process, 1, 0) == 0)
        return 0;
    (void)snprintf(message, size, "the process has ended meanwhile");
    return -ESRCH;
}

int helper_attach_check(pid_t pid, int *ret_pidfd, char *message, size_t size)
{
    AUTO_CLOSE int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    int r;

    if (pidfd < 0) {
        r = -errno;
        (void)snprintf(message, size, "there is no process %d (%s)", (int)pid, strerror(-r));
        return r;
    }
    r = ask_as_the_caller(pid);
    if (r < 0) {
        (void)snprintf(message, size, "process %d may not be looked into by user %u (%s)", (int)pid, getuid(),
                       strerror(-r));
        return r == -EACCES ? -EPERM : r;
    }
    r = helper_attach_is_there(pidfd, message, size);
    if (r == 0)
        *ret_pidfd = TAKE_FD(pidfd);
    return r;
}
