/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/procfs/task_files.h"

#include <fcntl.h>
#include <inttypes.h>

#include "base/base.h"

static const char *const names[] = {
    [TASK_SCHEDSTAT] = "schedstat", [TASK_SYSCALL] = "syscall", [TASK_CHILDREN] = "children",
    [TASK_STATUS] = "status",       [TASK_STAT] = "stat",       [TASK_WCHAN] = "wchan",
};

void task_files_init(struct task_files *files, pid_t pid, pid_t tid, int *spare)
{
    files->pid = pid;
    files->tid = tid;
    files->spare = spare;
    for (size_t i = 0; i < TASK_KEPT; i++)
        files->fds[i] = -1;
}

void task_files_clear(struct task_files *files)
{
    for (size_t i = 0; i < TASK_KEPT; i++) {
        if (files->fds[i] < 0)
            continue;
        (void)close(files->fds[i]);
        files->fds[i] = -1;
        (*files->spare)++;
    }
}

static int open_file(const struct task_files *files, enum task_file which)
{
    char path[64];
    int fd;

    (void)snprintf(path, sizeof(path), "/proc/%d/task/%d/%s", (int)files->pid, (int)files->tid, names[which]);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? -ESRCH : -errno;
    return fd;
}

static ssize_t read_text(int fd, char *buffer, size_t size)
{
    ssize_t n = pread(fd, buffer, size - 1, 0);

    if (n < 0)
        return errno == EPERM ? -EACCES : -errno;
    buffer[n] = '\0';
    return n;
}

ssize_t task_files_read(struct task_files *files, enum task_file which, char *buffer, size_t size)
{
    bool kept = which < TASK_KEPT && files->fds[which] >= 0;
    int fd = kept ? files->fds[which] : open_file(files, which);
    ssize_t n;

    if (fd < 0)
        return fd;
    n = read_text(fd, buffer, size);
    if (kept)
        return n;
    if (which < TASK_KEPT && n >= 0 && *files->spare > 0) {
        files->fds[which] = fd;
        (*files->spare)--;
    } else {
        (void)close(fd);
    }
    return n;
}

int task_parse_schedstat(const char *text, struct task_times *ret_times)
{
    struct task_times times;

    if (sscanf(text, "%" SCNu64 " %" SCNu64 " %" SCNu64, &times.on_cpu_ns, &times.runnable_ns, &times.switch_ins) != 3)
        return -EBADMSG;
    *ret_times = times;
    return 0;
}

/* The next number, in base 16 after 0x. @return false: there is none */
static bool take_number(const char **text, uint64_t *ret_value)
{
    char *end;
    uint64_t value = strtoull(*text, &end, 0);

    if (end == *text)
        return false;
    *ret_value = value;
    *text = end;
    return true;
}

int task_parse_syscall(const char *text, struct task_call *ret_call)
{
    struct task_call call = {0};
    uint64_t number;

    if (strncmp(text, "running", 7) == 0) {
        *ret_call = call;
        return 0;
    }
    if (!take_number(&text, &number))
        return -EBADMSG;
    call.number = (long)number;
    call.doing = call.number < 0 ? TASK_FAULTS : TASK_IN_CALL;
    for (size_t i = 0; call.number >= 0 && i < ARRAY_SIZE(call.arguments); i++)
        if (!take_number(&text, &call.arguments[i]))
            return -EBADMSG;
    if (!take_number(&text, &call.sp) || !take_number(&text, &call.pc))
        return -EBADMSG;
    if (call.number < 0 && !call.sp && !call.pc)
        call.doing = TASK_ENDED;
    *ret_call = call;
    return 0;
}

int task_parse_voluntary(const char *text, uint64_t *ret_voluntary)
{
    static const char key[] = "\nvoluntary_ctxt_switches:";
    const char *at = strstr(text, key);

    if (!at)
        return -EBADMSG;
    at += sizeof(key) - 1;
    return take_number(&at, ret_voluntary) ? 0 : -EBADMSG;
}

int task_parse_stat(const char *text, struct task_stat *ret_stat)
{
    const char *begin = strchr(text, '('), *end = strrchr(text, ')');
    struct task_stat stat = {0};
    size_t length;

    if (!begin || !end || end <= begin)
        return -EBADMSG;
    length = (size_t)(end - begin - 1);
    memcpy(stat.name, begin + 1, length < sizeof(stat.name) - 1 ? length : sizeof(stat.name) - 1);
    if (sscanf(end + 1, " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64, &stat.state,
               &stat.user_ticks, &stat.system_ticks) != 3)
        return -EBADMSG;
    *ret_stat = stat;
    return 0;
}
