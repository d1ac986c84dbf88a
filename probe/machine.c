/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/machine.h"

#include <ctype.h>
#include <sched.h>
#include <stdarg.h>
#include <sys/utsname.h>

#include "base/base.h"
#include "probe/measurement.h"

/* Limits of a process, the tightest over all levels of its cgroups. */
struct limits {
    double cpu_quota;      /* CPUs; 0: none */
    uint64_t memory_bytes; /* 0: none */
};

/* Files that hold one limit in one cgroup version. */
struct hierarchy {
    const char *mounts[4]; /* where distributions mount it, below sys/fs/cgroup; NULL ends */
    void (*read_level)(const char *folder, struct limits *limits);
};

PRINTF_LIKE(1, 2) static FILE *open_formatted(const char *format, ...)
{
    AUTO_FREE char *path = NULL;
    va_list args;
    int r;

    va_start(args, format);
    r = vasprintf(&path, format, args);
    va_end(args);
    if (r < 0) {
        path = NULL;
        return NULL;
    }
    return fopen(path, "re");
}

/* First line of folder/name without its newline. @return 0, -ENOENT */
static int read_line(const char *folder, const char *name, char *line, int size)
{
    AUTO_FCLOSE FILE *file = open_formatted("%s/%s", folder, name);

    if (!file || !fgets(line, size, file))
        return -ENOENT;
    line[strcspn(line, "\n")] = '\0';
    return 0;
}

static void tighten_quota(struct limits *limits, double quota, double period)
{
    if (quota <= 0.0 || period <= 0.0)
        return;
    if (limits->cpu_quota <= 0.0 || quota / period < limits->cpu_quota)
        limits->cpu_quota = quota / period;
}

static void tighten_memory(struct limits *limits, const char *text)
{
    unsigned long long bytes = strtoull(text, NULL, 10);

    /* Version 1 says "no limit" with the largest multiple of a page. */
    if (!isdigit((unsigned char)text[0]) || bytes == 0 || bytes >= INT64_MAX / 2)
        return;
    if (limits->memory_bytes == 0 || bytes < limits->memory_bytes)
        limits->memory_bytes = bytes;
}

/* Documentation/admin-guide/cgroup-v2.rst: "$MAX $PERIOD", or "max $PERIOD". */
static void read_unified(const char *folder, struct limits *limits)
{
    char line[64];
    double quota, period;

    if (read_line(folder, "cpu.max", line, sizeof(line)) == 0 && sscanf(line, "%lf %lf", &quota, &period) == 2)
        tighten_quota(limits, quota, period);
    if (read_line(folder, "memory.max", line, sizeof(line)) == 0)
        tighten_memory(limits, line);
}

/* Documentation/scheduler/sched-bwc.rst: microseconds, -1 for none. */
static void read_cpu(const char *folder, struct limits *limits)
{
    char quota[64], period[64];

    if (read_line(folder, "cpu.cfs_quota_us", quota, sizeof(quota)) == 0 &&
        read_line(folder, "cpu.cfs_period_us", period, sizeof(period)) == 0)
        tighten_quota(limits, strtod(quota, NULL), strtod(period, NULL));
}

static void read_memory(const char *folder, struct limits *limits)
{
    char line[64];

    if (read_line(folder, "memory.limit_in_bytes", line, sizeof(line)) == 0)
        tighten_memory(limits, line);
}

static const struct hierarchy unified = {{"", "/unified"}, read_unified};
static const struct hierarchy cpu = {{"/cpu", "/cpu,cpuacct", "/cpuacct,cpu"}, read_cpu};
static const struct hierarchy memory = {{"/memory"}, read_memory};

/*
 * Look at the process' own cgroup and every one above it. Inside a container the path in /proc/PID/cgroup may be that
 * of the host, of which only the container's part is mounted: then the levels that do not exist are skipped.
 */
static void read_levels(const char *root, const struct hierarchy *hierarchy, const char *cgroup, struct limits *limits)
{
    for (size_t i = 0; i < ARRAY_SIZE(hierarchy->mounts) && hierarchy->mounts[i]; i++) {
        AUTO_FREE char *folder = NULL;
        size_t mount_length;
        int length =
            asprintf(&folder, "%s/sys/fs/cgroup%s%s", root, hierarchy->mounts[i], strcmp(cgroup, "/") ? cgroup : "");

        if (length < 0) {
            folder = NULL;
            return;
        }
        mount_length = strlen(root) + strlen("/sys/fs/cgroup") + strlen(hierarchy->mounts[i]);
        for (;;) {
            char *slash;

            hierarchy->read_level(folder, limits);
            slash = strrchr(folder + mount_length, '/');
            if (!slash)
                break;
            *slash = '\0';
        }
    }
}

static bool lists(const char *controllers, const char *name)
{
    size_t length = strlen(name);

    for (const char *at = controllers; *at; at += strcspn(at, ",")) {
        at += *at == ',';
        if (strncmp(at, name, length) == 0 && (at[length] == ',' || at[length] == '\0'))
            return true;
    }
    return false;
}

/* Lines "ID:CONTROLLERS:PATH" of cgroups(7). */
static void read_cgroups(FILE *file, const char *root, struct limits *limits)
{
    AUTO_FREE char *line = NULL;
    size_t capacity = 0;

    while (getline(&line, &capacity, file) > 0) {
        char *controllers = strchr(line, ':');
        char *path = controllers ? strchr(controllers + 1, ':') : NULL;

        if (!path)
            continue;
        *path++ = '\0';
        controllers++;
        path[strcspn(path, "\n")] = '\0';
        /* A process outside our cgroup namespace has "/../.."; leave such paths alone. */
        if (path[0] != '/' || strstr(path, "/../"))
            continue;
        if (controllers[0] == '\0')
            read_levels(root, &unified, path, limits);
        if (lists(controllers, "cpu"))
            read_levels(root, &cpu, path, limits);
        if (lists(controllers, "memory"))
            read_levels(root, &memory, path, limits);
    }
}

static void read_mem_total(const char *root, struct machine *machine)
{
    AUTO_FCLOSE FILE *file = open_formatted("%s/proc/meminfo", root);
    char line[128];
    unsigned long long kib;

    while (file && fgets(line, sizeof(line), file)) {
        if (sscanf(line, "MemTotal: %llu kB", &kib) != 1)
            continue;
        machine->memory_bytes = (uint64_t)kib * 1024;
        return;
    }
}

static void read_cpu_name(const char *root, struct machine *machine)
{
    AUTO_FCLOSE FILE *file = open_formatted("%s/proc/cpuinfo", root);
    char line[512];

    while (file && fgets(line, sizeof(line), file)) {
        const char *value = strchr(line, ':');

        if (!value || strncmp(line, "model name", strlen("model name")) != 0)
            continue;
        value += 1 + strspn(value + 1, " \t");
        line[strcspn(line, "\n")] = '\0';
        snprintf(machine->cpu_name, sizeof(machine->cpu_name), "%s", value);
        return;
    }
}

/* The mask may be larger than cpu_set_t on big machines: the kernel says EINVAL until ours is as large. */
static int count_allowed(pid_t pid, uint32_t *ret_allowed)
{
    for (size_t cpus = 1024; cpus <= 1U << 20; cpus *= 2) {
        cpu_set_t *set = CPU_ALLOC(cpus);
        size_t size = CPU_ALLOC_SIZE(cpus);
        int r;

        if (!set)
            return -ENOMEM;
        r = sched_getaffinity(pid, size, set) < 0 ? -errno : 0;
        if (r == 0)
            *ret_allowed = (uint32_t)CPU_COUNT_S(size, set);
        CPU_FREE(set);
        if (r != -EINVAL)
            return r;
    }
    return -EINVAL;
}

int machine_read(const char *root, pid_t pid, struct machine *ret_machine)
{
    AUTO_FCLOSE FILE *cgroups = NULL;
    struct machine machine = {0};
    struct limits limits = {0};
    struct utsname uts;
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    int r = count_allowed(pid, &machine.cpus_allowed);

    if (r == -ESRCH || r == -ENOMEM)
        return r;
    if (!root)
        root = "";
    machine.cpus = online > 0 ? (uint32_t)online : 1;
    if (machine.cpus_allowed == 0)
        machine.cpus_allowed = machine.cpus;
    read_mem_total(root, &machine);
    read_cpu_name(root, &machine);
    cgroups = open_formatted("%s/proc/%d/cgroup", root, (int)(pid ? pid : getpid()));
    if (cgroups)
        read_cgroups(cgroups, root, &limits);
    machine.cpu_quota = limits.cpu_quota;
    machine.memory_limit_bytes = limits.memory_bytes;
    if (uname(&uts) == 0)
        snprintf(machine.kernel, sizeof(machine.kernel), "%.60s %.60s", uts.sysname, uts.release);
    *ret_machine = machine;
    return 0;
}
