/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/helper_rights.h"

#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "base/base.h"

#define NOBODY 65534 /* also the kernel's overflow user id */

int helper_rights_read(pid_t pid, struct process_rights *ret_rights)
{
    AUTO_FCLOSE FILE *file = NULL;
    struct process_rights rights = {0};
    char path[64], line[256];
    int found = 0;

    (void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    file = fopen(path, "re");
    if (!file)
        return -ESRCH;
    while (fgets(line, sizeof(line), file)) {
        uid_t *uid = rights.uid;
        gid_t *gid = rights.gid;

        found += sscanf(line, "PPid: %d", &rights.parent) == 1;
        found += sscanf(line, "Uid: %u %u %u %u", uid, uid + 1, uid + 2, uid + 3) == 4;
        found += sscanf(line, "Gid: %u %u %u %u", gid, gid + 1, gid + 2, gid + 3) == 4;
        found += sscanf(line, "CapPrm: %" SCNx64, &rights.permitted) == 1;
    }
    if (found != 4)
        return -ESRCH;
    *ret_rights = rights;
    return 0;
}

static bool is_throughout(const uid_t ids[4], uid_t id)
{
    return ids[0] == id && ids[1] == id && ids[2] == id && ids[3] == id;
}

int helper_rights_compare(uid_t uid, pid_t caller_pid, const struct process_rights *caller,
                          const struct process_rights *target, char *message, size_t size)
{
    /* An orphan's parent is process 1: what that may do is of use to nobody but root. */
    uid_t user = uid == 0 ? caller->uid[1] : uid;

    if (target->parent != caller_pid) {
        (void)snprintf(message, size, "the process to be traced is not a child of the caller");
        return -EPERM;
    }
    if (user == 0)
        return 0;
    if (target->uid[0] != user) {
        (void)snprintf(message, size, "the process to be traced belongs to user %u, the caller is user %u",
                       target->uid[0], user);
        return -EPERM;
    }
    if (!is_throughout(target->uid, user) || !is_throughout(target->gid, target->gid[0]) ||
        target->permitted & ~caller->permitted) {
        (void)snprintf(message, size,
                       "the process to be traced has rights that the caller lacks (setuid, setgid or capabilities)");
        return -EPERM;
    }
    return 0;
}

int helper_rights_check(pid_t target, char *message, size_t size)
{
    pid_t parent = getppid();
    struct process_rights of_caller, of_target;

    if (helper_rights_read(parent, &of_caller) < 0 || helper_rights_read(target, &of_target) < 0) {
        (void)snprintf(message, size, "the process to be traced is gone");
        return -ESRCH;
    }
    return helper_rights_compare(getuid(), parent, &of_caller, &of_target, message, size);
}

static bool is_stream_socket(int fd)
{
    int domain = -1, type = -1;
    socklen_t size = sizeof(int);

    return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_UNIX &&
           getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM;
}

/* A standard descriptor that is closed would be taken by a map or a program, and messages would go into it. */
static void fill_standard_descriptors(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            (void)open("/dev/null", O_RDWR);
}

int helper_rights_prepare(int socket)
{
    static const int for_the_target[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGPIPE};
    static const struct rlimit none = {0, 0};

    if (prctl(PR_SET_DUMPABLE, 0) < 0 || setrlimit(RLIMIT_CORE, &none) < 0)
        return -errno;
    if (clearenv() != 0)
        return -ENOMEM;
    if (socket <= STDERR_FILENO || !is_stream_socket(socket))
        return -EBADF;
    if ((socket > STDERR_FILENO + 1 && close_range(STDERR_FILENO + 1, (unsigned)socket - 1, 0) < 0) ||
        close_range((unsigned)socket + 1, ~0u, 0) < 0)
        return -errno;
    fill_standard_descriptors();
    for (size_t i = 0; i < ARRAY_SIZE(for_the_target); i++)
        (void)signal(for_the_target[i], SIG_IGN);
    return 0;
}

/* The root of a container may lack the capabilities for this: then it stays user 0, with none at all. */
static int stop_being_root(const struct process_rights *target)
{
    uid_t uid = target->uid[0] ? target->uid[0] : NOBODY;
    gid_t gid = target->uid[0] ? target->gid[0] : NOBODY;

    if (getuid() != 0 && geteuid() != 0)
        return 0;
    if (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
        return errno == EPERM ? 0 : -errno;
    return 0;
}

/* No file can be opened, no socket made, no process started any more. poll() wants room for what it is given. */
static int limit_resources(void)
{
    static const struct rlimit one = {1, 1}, none = {0, 0};

    if (setrlimit(RLIMIT_NOFILE, &one) < 0 || setrlimit(RLIMIT_NPROC, &none) < 0)
        return -errno;
    return 0;
}

int helper_rights_drop(const struct process_rights *target)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};
    int r;

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -errno;
    for (unsigned long capability = 0; prctl(PR_CAPBSET_READ, capability) >= 0; capability++)
        if (prctl(PR_CAPBSET_DROP, capability) < 0)
            break;
    r = stop_being_root(target);
    if (r < 0)
        return r;
    /* Takes the ambient set along (capabilities(7)). */
    if (syscall(SYS_capset, &header, none) < 0)
        return -errno;
    if (prctl(PR_SET_DUMPABLE, 0) < 0)
        return -errno;
    return limit_resources();
}
