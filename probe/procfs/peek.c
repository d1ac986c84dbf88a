/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/procfs/peek.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>

#include "base/base.h"
#include "probe/procfs/sockets.h"

/* Gone is gone, however the kernel says it. */
static int gone_or(int error)
{
    return error == ENOENT ? -ESRCH : -error;
}

PRINTF_LIKE(2, 3) static int open_formatted(FILE **ret_file, const char *format, ...)
{
    char path[96];
    va_list args;

    va_start(args, format);
    vsnprintf(path, sizeof(path), format, args);
    va_end(args);
    *ret_file = fopen(path, "re");
    return *ret_file ? 0 : gone_or(errno);
}

/* Sum of the lines "KEY: n kB" whose key starts with `key`, in bytes. */
static uint64_t sum_kib(FILE *file, const char *key)
{
    char line[256];
    uint64_t sum = 0;

    while (fgets(line, sizeof(line), file)) {
        unsigned long long kib;
        const char *colon = strchr(line, ':');

        if (colon && strncmp(line, key, strlen(key)) == 0 && sscanf(colon + 1, "%llu kB", &kib) == 1)
            sum += (uint64_t)kib * 1024;
    }
    return sum;
}

int peek_memory(pid_t pid, struct peek_memory *ret_memory)
{
    AUTO_FCLOSE FILE *status = NULL;
    AUTO_FCLOSE FILE *rollup = NULL;
    struct peek_memory memory = {0};
    int r = open_formatted(&status, "/proc/%d/status", (int)pid);

    if (r < 0)
        return r;
    memory.peak_rss_bytes = sum_kib(status, "VmHWM:");
    /* Private_Clean, Private_Dirty, Private_Hugetlb. */
    if (open_formatted(&rollup, "/proc/%d/smaps_rollup", (int)pid) == 0)
        memory.private_bytes = sum_kib(rollup, "Private_");
    *ret_memory = memory;
    return 0;
}

/* proc_pid_statm(5): size, resident, ..., in pages. */
int peek_rss(pid_t pid, uint64_t *ret_bytes)
{
    AUTO_FCLOSE FILE *statm = NULL;
    unsigned long long pages;
    int r = open_formatted(&statm, "/proc/%d/statm", (int)pid);

    if (r < 0)
        return r;
    if (fscanf(statm, "%*u %llu", &pages) != 1)
        return -ESRCH;
    *ret_bytes = pages * (uint64_t)sysconf(_SC_PAGESIZE);
    return 0;
}

int peek_thread_times(pid_t pid, pid_t tid, uint64_t *ret_user_ns, uint64_t *ret_system_ns)
{
    AUTO_FCLOSE FILE *stat = NULL;
    unsigned long long user, system;
    const uint64_t tick_ns = NSEC_PER_SEC / (uint64_t)sysconf(_SC_CLK_TCK);
    char line[1024];
    const char *after;
    int r = open_formatted(&stat, "/proc/%d/task/%d/stat", (int)pid, (int)tid);

    if (r < 0)
        return r;
    if (!fgets(line, sizeof(line), stat))
        return -ESRCH;
    /* The name in parentheses may hold anything, also parentheses; user time is the 14th field. */
    after = strrchr(line, ')');
    if (!after || sscanf(after + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user, &system) != 2)
        return -ESRCH;
    *ret_user_ns = user * tick_ns;
    *ret_system_ns = system * tick_ns;
    return 0;
}

static void close_dir(DIR **dir)
{
    if (*dir)
        (void)closedir(*dir);
}

/* proc_pid_io(5): lines "rchar: N", and so on. Reading fails as late as this: with EACCES, or when it ended, ESRCH. */
static int add_thread_io(pid_t pid, const char *tid, struct peek_io *io)
{
    AUTO_FCLOSE FILE *file = NULL;
    unsigned long long value[4];
    int r = open_formatted(&file, "/proc/%d/task/%.16s/io", (int)pid, tid);

    if (r < 0)
        return r;
    errno = 0;
    if (fscanf(file, "rchar: %llu wchar: %llu syscr: %llu syscw: %llu", value, value + 1, value + 2, value + 3) != 4)
        return errno == EACCES || errno == EPERM ? -EACCES : -ESRCH;
    io->read_bytes += value[0];
    io->written_bytes += value[1];
    io->reads += value[2];
    io->writes += value[3];
    return 0;
}

int peek_io(pid_t pid, struct peek_io *ret_io)
{
    CLEANUP(close_dir) DIR *dir = NULL;
    struct peek_io io = {0};
    size_t looked_at = 0;
    char path[64];
    int r = -ESRCH;

    snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
    dir = opendir(path);
    if (!dir)
        return gone_or(errno);
    for (struct dirent *entry; looked_at < PEEK_MAX_THREADS && (entry = readdir(dir));) {
        int one;

        if (entry->d_name[0] == '.')
            continue;
        looked_at++;
        one = add_thread_io(pid, entry->d_name, &io);
        if (r < 0)
            r = one; /* one that could be read is enough */
    }
    if (r == 0)
        *ret_io = io;
    return r;
}

/* @return 0, -ESRCH, -EACCES */
static int list_sockets(pid_t pid, struct socket_set *set, bool *ret_truncated)
{
    CLEANUP(close_dir) DIR *dir = NULL;
    size_t looked_at = 0;
    char path[64];

    snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
    dir = opendir(path);
    if (!dir)
        return gone_or(errno);
    for (struct dirent *entry; (entry = readdir(dir));) {
        unsigned long long inode;
        char target[64];
        ssize_t n;

        if (entry->d_name[0] == '.')
            continue;
        if (looked_at++ == PEEK_MAX_FDS) {
            *ret_truncated = true;
            break;
        }
        n = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);
        if (n <= 0)
            continue;
        target[n] = '\0';
        if (sscanf(target, "socket:[%llu]", &inode) == 1)
            set->inodes[set->n++] = inode;
    }
    return 0;
}

int peek_sockets(pid_t pid, struct tcp_table *table, struct peek_sockets *ret_sockets)
{
    AUTO_FREE struct socket_set *set = calloc(1, sizeof(*set));
    struct peek_sockets sockets = {0};
    struct port_set ports = {0};
    int r;

    if (!set)
        return -ENOMEM;
    r = list_sockets(pid, set, &sockets.truncated);
    if (r == 0)
        r = sockets_classify(pid, set, &ports, table, &sockets);
    if (r == 0)
        *ret_sockets = sockets;
    return r;
}

/* @return 0, -ESRCH, -EACCES, or -EINVAL: it is something else than `what` */
static int check_fd(pid_t pid, int fd, const char *what)
{
    char path[64], target[64];
    ssize_t n;

    snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)pid, fd);
    n = readlink(path, target, sizeof(target) - 1);
    if (n < 0)
        return gone_or(errno);
    target[n] = '\0';
    return strcmp(target, what) == 0 ? 0 : -EINVAL;
}

/* proc_pid_fdinfo(5): lines "ticks: N", "it_value: (S, NS)" and "it_interval: (S, NS)". */
static bool is_timer_under_way(pid_t pid, int fd)
{
    AUTO_FCLOSE FILE *info = NULL;
    unsigned long long ticks = 0, value[2] = {0, 0}, interval[2] = {0, 0};
    char line[128];

    if (check_fd(pid, fd, "anon_inode:[timerfd]") < 0 || open_formatted(&info, "/proc/%d/fdinfo/%d", (int)pid, fd) < 0)
        return false;
    while (fgets(line, sizeof(line), info)) {
        (void)sscanf(line, "ticks: %llu", &ticks);
        (void)sscanf(line, "it_value: (%llu, %llu)", value, value + 1);
        (void)sscanf(line, "it_interval: (%llu, %llu)", interval, interval + 1);
    }
    return interval[0] + interval[1] == 0 && ticks + value[0] + value[1] > 0;
}

/* proc_pid_fdinfo(5): "tfd: N events: M data: D pos: P ino: INODE sdev: DEV", the inode in hexadecimal. */
static int list_watched(pid_t pid, int epfd, struct socket_set *set, uint32_t *ret_timers)
{
    AUTO_FCLOSE FILE *info = NULL;
    uint32_t timers = 0;
    char line[256];
    int fd, r = check_fd(pid, epfd, "anon_inode:[eventpoll]");

    if (r == 0)
        r = open_formatted(&info, "/proc/%d/fdinfo/%d", (int)pid, epfd);
    if (r < 0)
        return r;
    while (set->n < PEEK_MAX_FDS && fgets(line, sizeof(line), info)) {
        const char *inode = sscanf(line, "tfd: %d", &fd) == 1 ? strstr(line, "ino:") : NULL;

        if (!inode)
            continue;
        set->inodes[set->n++] = strtoull(inode + 4, NULL, 16);
        timers += timers < PEEK_MAX_TIMERS && is_timer_under_way(pid, fd);
    }
    *ret_timers = timers;
    return 0;
}

int peek_epoll(pid_t pid, int epfd, struct tcp_table *table, struct peek_sockets *ret_watched, uint32_t *ret_timers)
{
    AUTO_FREE struct socket_set *watched = calloc(1, sizeof(*watched));
    AUTO_FREE struct socket_set *all = calloc(1, sizeof(*all));
    struct peek_sockets sockets = {0};
    struct port_set ports = {0};
    uint32_t timers;
    int r;

    if (!watched || !all)
        return -ENOMEM;
    r = list_watched(pid, epfd, watched, &timers);
    if (r == 0)
        r = list_sockets(pid, all, &sockets.truncated);
    /* The listening socket may be watched elsewhere: learn its port from all sockets first. */
    if (r == 0 && watched->n > 0)
        r = sockets_classify(pid, all, &ports, table, &sockets);
    if (r == 0)
        r = sockets_classify(pid, watched, &ports, table, &sockets);
    if (r == 0) {
        *ret_watched = sockets;
        *ret_timers = timers;
    }
    return r;
}
