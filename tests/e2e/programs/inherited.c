/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Prints everything that a program inherits from whoever starts it, a line each: run alone and under concadvise, the
 * lines must be the same. What differs from process to process (pids, inode numbers of /proc) is left out.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/ioprio.h>
#include <linux/keyctl.h>
#include <linux/securebits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

extern char **environ;

/* Lines of a file of /proc that begin with one of these words; all lines where there are none. */
static void print_file(const char *path, const char *const *words)
{
    FILE *file = fopen(path, "re");
    char line[4096];

    if (!file) {
        printf("%s: %s\n", path, strerror(errno));
        return;
    }
    while (fgets(line, sizeof(line), file)) {
        int wanted = !words;

        for (size_t i = 0; words && words[i]; i++)
            wanted = wanted || strncmp(line, words[i], strlen(words[i])) == 0;
        if (wanted)
            printf("%s: %s", path, line);
    }
    fclose(file);
}

static void print_descriptors(void)
{
    for (int fd = 0; fd < 1024; fd++) {
        char path[64], target[512];
        ssize_t n;

        if (fcntl(fd, F_GETFD) < 0)
            continue;
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        n = readlink(path, target, sizeof(target) - 1);
        target[n > 0 ? n : 0] = '\0';
        printf("fd %d: %s flags %x %x offset %lld\n", fd, target, (unsigned)fcntl(fd, F_GETFD),
               (unsigned)fcntl(fd, F_GETFL), (long long)lseek(fd, 0, SEEK_CUR));
    }
}

static void print_signals(void)
{
    for (int number = 1; number <= 64; number++) {
        struct sigaction action;

        if (number != 32 && number != 33 && sigaction(number, NULL, &action) == 0 && action.sa_handler != SIG_DFL)
            printf("signal %d: %s flags %x\n", number, action.sa_handler == SIG_IGN ? "ignored" : "caught",
                   (unsigned)action.sa_flags);
    }
}

static void print_limits(void)
{
    for (int resource = 0; resource < RLIM_NLIMITS; resource++) {
        struct rlimit limit;

        if (getrlimit((__rlimit_resource_t)resource, &limit) == 0)
            printf("limit %d: %llu %llu\n", resource, (unsigned long long)limit.rlim_cur,
                   (unsigned long long)limit.rlim_max);
    }
}

static void print_scheduling(void)
{
    struct sched_param param = {0};
    struct {
        unsigned size, policy;
        unsigned long long flags;
        int nice;
        unsigned priority;
        unsigned long long runtime, deadline, period;
        unsigned clamp_min, clamp_max;
    } attributes = {0};
    cpu_set_t cpus;

    CPU_ZERO(&cpus);
    sched_getaffinity(0, sizeof(cpus), &cpus);
    sched_getparam(0, &param);
    syscall(SYS_sched_getattr, 0, &attributes, sizeof(attributes), 0);
    printf("scheduling: policy %d priority %d nice %d io %ld cpus %d", sched_getscheduler(0), param.sched_priority,
           getpriority(PRIO_PROCESS, 0), syscall(SYS_ioprio_get, IOPRIO_WHO_PROCESS, 0), CPU_COUNT(&cpus));
    for (int cpu = 0; cpu < 64; cpu++)
        if (CPU_ISSET(cpu, &cpus))
            printf(" %d", cpu);
    printf(" flags %llx clamps %u %u slack %d\n", attributes.flags, attributes.clamp_min, attributes.clamp_max,
           prctl(PR_GET_TIMERSLACK));
}

static void print_process(void)
{
    int death = -1, reaper = -1, tagged = -1;
    struct itimerval timer;
    struct rusage children;
    stack_t stack;
    char folder[4096] = "";

    prctl(PR_GET_PDEATHSIG, &death);
    prctl(PR_GET_CHILD_SUBREAPER, &reaper);
    sigaltstack(NULL, &stack);
    getrusage(RUSAGE_CHILDREN, &children);
    printf("process: group %d session %d foreground %d parent's session %d\n", getpgrp(), getsid(0), tcgetpgrp(0),
           getsid(getppid()));
    printf(
        "process: death signal %d subreaper %d dumpable %d keep capabilities %d secure bits %x huge pages %d tsc %d\n",
        death, reaper, prctl(PR_GET_DUMPABLE), prctl(PR_GET_KEEPCAPS), (unsigned)prctl(PR_GET_SECUREBITS),
        prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0), prctl(PR_GET_TSC, &tagged));
    printf("process: seccomp %d io flusher %d speculation %d %d machine check %d personality %lx secure %lu\n",
           prctl(PR_GET_SECCOMP), prctl(PR_GET_IO_FLUSHER, 0, 0, 0, 0), prctl(PR_GET_SPECULATION_CTRL, 0, 0, 0, 0),
           prctl(PR_GET_SPECULATION_CTRL, 1, 0, 0, 0), prctl(PR_MCE_KILL_GET, 0, 0, 0, 0),
           (unsigned long)personality(0xffffffff), getauxval(AT_SECURE));
    for (int which = ITIMER_REAL; which <= ITIMER_PROF; which++)
        printf("process: timer %d %ld\n", getitimer(which, &timer), (long)timer.it_value.tv_sec);
    printf("process: children %d %d, their CPU time %ld, alternate stack %d\n", waitpid(-1, NULL, WNOHANG), errno,
           (long)children.ru_utime.tv_sec, stack.ss_flags);
    printf("process: umask %o folder %s\n", (unsigned)umask(0), getcwd(folder, sizeof(folder)));
    for (int keyring = KEY_SPEC_SESSION_KEYRING; keyring >= KEY_SPEC_USER_SESSION_KEYRING; keyring--)
        printf("process: keyring %ld\n", syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, keyring, 0));
}

static void print_places(void)
{
    static const char *const links[] = {"root",   "ns/cgroup",           "ns/ipc",  "ns/mnt",  "ns/net",
                                        "ns/pid", "ns/pid_for_children", "ns/time", "ns/user", "ns/uts"};

    for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
        char path[64], target[512];
        ssize_t n;

        snprintf(path, sizeof(path), "/proc/self/%s", links[i]);
        n = readlink(path, target, sizeof(target) - 1);
        printf("%s: %.*s\n", links[i], (int)(n > 0 ? n : 0), target);
    }
}

int main(int argc, char **argv)
{
    static const char *const status[] = {"Umask",  "Uid",    "Gid",       "Groups",  "SigPnd",  "ShdPnd",  "SigBlk",
                                         "SigIgn", "SigCgt", "Cap",       "NoNew",   "Seccomp", "Specul",  "Cpus_",
                                         "Mems_",  "Kthr",   "TracerPid", "CoreDum", "untag",   "Threads", NULL};

    for (int i = 0; i < argc; i++)
        printf("argument: %s\n", argv[i]);
    printf("started as: %s\n", (const char *)getauxval(AT_EXECFN));
    for (char **variable = environ; *variable; variable++)
        printf("environment: %s\n", *variable);
    print_descriptors();
    print_signals();
    print_limits();
    print_scheduling();
    print_process();
    print_places();
    print_file("/proc/self/status", status);
    print_file("/proc/self/cgroup", NULL);
    print_file("/proc/self/oom_score_adj", NULL);
    print_file("/proc/self/coredump_filter", NULL);
    print_file("/proc/self/loginuid", NULL);
    print_file("/proc/self/sessionid", NULL);
    print_file("/proc/self/attr/current", NULL);
    print_file("/proc/self/timens_offsets", NULL);
    return 0;
}
