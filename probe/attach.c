/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/attach.h"

#include <limits.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#include "base/base.h"

#define ARGUMENTS_MAX (128u << 10) /* bytes; what is longer is cut */
#define LEFT_ALONE "Nothing was measured; the process was left alone."

/* Of /proc/PID/status (proc_pid_status(5)). */
struct status_lines {
    char state; /* 'Z': ended, not yet waited for */
    long tgid;
    long parent;
    long uid;
    bool has_memory; /* kernel threads and the dead have none */
};

static int read_status(pid_t pid, struct status_lines *ret_lines)
{
    AUTO_FCLOSE FILE *file = NULL;
    struct status_lines lines = {.tgid = -1, .parent = -1, .uid = -1};
    char path[64], line[256];

    (void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    file = fopen(path, "re");
    if (!file)
        return -ESRCH;
    while (fgets(line, sizeof(line), file)) {
        (void)sscanf(line, "State: %c", &lines.state);
        (void)sscanf(line, "Tgid: %ld", &lines.tgid);
        (void)sscanf(line, "PPid: %ld", &lines.parent);
        (void)sscanf(line, "Uid: %ld", &lines.uid);
        lines.has_memory = lines.has_memory || strncmp(line, "VmSize:", strlen("VmSize:")) == 0;
    }
    if (lines.tgid < 0)
        return -ESRCH;
    *ret_lines = lines;
    return 0;
}

/* Do we descend from it, or are it? Then its children are our own helper and the replays. */
static bool is_ours(pid_t pid)
{
    pid_t ancestor = getpid();
    struct status_lines lines;

    for (int i = 0; i < 1024 && ancestor > 0; i++) {
        if (ancestor == pid)
            return true;
        if (read_status(ancestor, &lines) < 0)
            return false;
        ancestor = (pid_t)lines.parent;
    }
    return false;
}

static int check_status(pid_t pid, const struct status_lines *lines, char *message, size_t size)
{
    if (lines->tgid != pid) {
        (void)snprintf(message, size, "%d is a thread of process %ld: -p %ld measures all of it. " LEFT_ALONE, (int)pid,
                       lines->tgid, lines->tgid);
        return -EINVAL;
    }
    if (lines->state == 'Z' || lines->state == 'X') {
        (void)snprintf(message, size,
                       "process %d has ended, or its first thread has (state %c): that can't be measured. Start the "
                       "program under concadvise: concadvise -- COMMAND.",
                       (int)pid, lines->state);
        return -ESRCH;
    }
    if (!lines->has_memory) {
        (void)snprintf(message, size, "%d is a thread of the kernel: only programs can be measured.", (int)pid);
        return -EINVAL;
    }
    if (is_ours(pid)) {
        (void)snprintf(message, size,
                       "process %d is concadvise itself, or one that started it, so that it would measure itself: run "
                       "it from another terminal. Nothing was measured.",
                       (int)pid);
        return -EINVAL;
    }
    return 0;
}

static int read_exe(pid_t pid, const struct status_lines *lines, char **ret_exe, char *message, size_t size)
{
    static const char remark[] = " (deleted)";
    char path[64], target[PATH_MAX];
    ssize_t length;
    int r;

    (void)snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
    length = readlink(path, target, sizeof(target) - 1);
    if (length < 0) {
        r = errno == EACCES ? -EPERM : -errno;
        (void)snprintf(
            message, size,
            "process %d may not be looked into (%s): it belongs to user %ld, you are user %u. Run concadvise "
            "as that user, or with sudo. " LEFT_ALONE,
            (int)pid, strerror(-r), lines->uid, getuid());
        return r;
    }
    target[length] = '\0';
    if (base_ends_with(target, remark))
        target[length - (ssize_t)(sizeof(remark) - 1)] = '\0';
    *ret_exe = strdup(target);
    return *ret_exe ? 0 : -ENOMEM;
}

static void free_strings(char **strings)
{
    for (size_t i = 0; strings && strings[i]; i++)
        free(strings[i]);
    free(strings);
}

/* Arguments lie one behind the other, each with its NUL; programs that rename themselves leave a tail of NULs. */
static int split_arguments(const char *text, size_t length, const char *fallback, char ***ret_argv)
{
    size_t n = 0, i = 0;
    char **argv;

    while (length > 0 && text[length - 1] == '\0')
        length--;
    for (size_t at = 0; at < length; at += strlen(text + at) + 1)
        n++;
    argv = calloc(n + 2, sizeof(*argv));
    if (!argv)
        return -ENOMEM;
    if (n == 0)
        argv[i++] = strdup(fallback);
    for (size_t at = 0; at < length; at += strlen(text + at) + 1)
        argv[i++] = strdup(text + at);
    for (size_t k = 0; k < i; k++) {
        if (argv[k])
            continue;
        for (size_t rest = 0; rest < i; rest++)
            free(argv[rest]);
        free(argv);
        return -ENOMEM;
    }
    *ret_argv = argv;
    return 0;
}

static int read_arguments(pid_t pid, const char *exe, char ***ret_argv)
{
    AUTO_FCLOSE FILE *file = NULL;
    AUTO_FREE char *text = calloc(1, ARGUMENTS_MAX + 1);
    char path[64];
    size_t length = 0;

    if (!text)
        return -ENOMEM;
    (void)snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
    file = fopen(path, "re");
    if (file)
        length = fread(text, 1, ARGUMENTS_MAX, file);
    return split_arguments(text, length, exe, ret_argv);
}

/* Since its start: field 22 of /proc/PID/stat, in ticks since the machine started (proc_pid_stat(5)). */
static uint64_t read_age(pid_t pid)
{
    AUTO_FCLOSE FILE *file = NULL;
    unsigned long long start = 0;
    struct timespec now;
    char path[64], text[1024];
    const char *fields;
    double age;

    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    file = fopen(path, "re");
    if (!file || !fgets(text, sizeof(text), file) || clock_gettime(CLOCK_BOOTTIME, &now) < 0)
        return 0;
    fields = strrchr(text, ')'); /* its name, which may contain anything, ends here */
    if (!fields ||
        sscanf(fields + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
               &start) != 1)
        return 0;
    age = (double)now.tv_sec + (double)now.tv_nsec / 1e9 - (double)start / (double)sysconf(_SC_CLK_TCK);
    return age > 0 ? (uint64_t)(age * 1e9) : 0;
}

int attach_open(pid_t pid, struct attach *ret_attach, char *message, size_t size)
{
    AUTO_CLOSE int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    AUTO_FREE char *exe = NULL;
    struct status_lines lines;
    char **argv = NULL;
    int r = read_status(pid, &lines);

    if (r < 0) {
        (void)snprintf(message, size, "there is no process %d. Nothing was measured.", (int)pid);
        return r;
    }
    r = check_status(pid, &lines, message, size);
    if (r == 0 && pidfd < 0) {
        r = -ESRCH;
        (void)snprintf(message, size, "process %d has ended. Nothing was measured.", (int)pid);
    }
    if (r == 0)
        r = read_exe(pid, &lines, &exe, message, size);
    if (r == 0)
        r = read_arguments(pid, exe, &argv);
    if (r < 0)
        return r;
    *ret_attach = (struct attach){
        .pid = pid, .pidfd = TAKE_FD(pidfd), .argv = argv, .age_ns = read_age(pid), .exe = TAKE_PTR(exe)};
    return 0;
}

void attach_close(struct attach *attach)
{
    free_strings(attach->argv);
    free(attach->exe);
    if (attach->pid > 0)
        base_close_fd(&attach->pidfd);
    *attach = (struct attach){.pidfd = -1};
}
