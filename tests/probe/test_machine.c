/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <ftw.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/base.h"
#include "probe/machine.h"
#include "probe/measurement.h"

static char root[64];

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static int enter(void **state)
{
    (void)state;
    strcpy(root, "/tmp/concadvise-test-XXXXXX");
    return mkdtemp(root) ? 0 : -1;
}

static int leave(void **state)
{
    (void)state;
    return nftw(root, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

/* A file below the fake root, with its folders. */
static void put(const char *path, const char *content)
{
    char full[512];
    FILE *file;

    snprintf(full, sizeof(full), "%s/%s", root, path);
    for (char *slash = strchr(full + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(full, 0777);
        *slash = '/';
    }
    file = fopen(full, "w");
    assert_non_null(file);
    assert_true(fputs(content, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void put_cgroup(const char *content)
{
    char path[64];

    snprintf(path, sizeof(path), "proc/%d/cgroup", (int)getpid());
    put(path, content);
}

static struct machine read_fake(void)
{
    struct machine machine = {0};

    assert_int_equal(machine_read(root, 0, &machine), 0);
    return machine;
}

static void nothing_there_means_no_limits(void **state)
{
    struct machine machine = read_fake();

    (void)state;
    assert_true(machine.cpus >= 1 && machine.cpus_allowed >= 1);
    assert_true(machine.cpu_quota == 0.0);
    assert_int_equal(machine.memory_bytes, 0);
    assert_int_equal(machine.memory_limit_bytes, 0);
    assert_string_equal(machine.cpu_name, "");
    assert_int_equal(strncmp(machine.kernel, "Linux ", 6), 0);
}

static void memory_and_cpu_name_are_read(void **state)
{
    struct machine machine;

    (void)state;
    put("proc/meminfo", "MemFree: 7 kB\nMemTotal:       2048 kB\n");
    put("proc/cpuinfo", "processor\t: 0\nmodel name\t: Some CPU: fast\nmodel name\t: other\n");
    machine = read_fake();
    assert_int_equal(machine.memory_bytes, 2048 * 1024);
    assert_string_equal(machine.cpu_name, "Some CPU: fast");
}

static void version_2_takes_the_tightest_level(void **state)
{
    struct machine machine;

    (void)state;
    put_cgroup("0::/a/b/c\n");
    put("sys/fs/cgroup/a/cpu.max", "150000 100000\n");
    put("sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
    put("sys/fs/cgroup/a/b/c/cpu.max", "400000 100000\n");
    put("sys/fs/cgroup/a/memory.max", "2000000\n");
    put("sys/fs/cgroup/a/b/memory.max", "1000000\n");
    put("sys/fs/cgroup/a/b/c/memory.max", "max\n");
    put("sys/fs/cgroup/other/cpu.max", "1000 100000\n");
    machine = read_fake();
    assert_true(machine.cpu_quota == 1.5);
    assert_int_equal(machine.memory_limit_bytes, 1000000);
}

static void version_2_root_only(void **state)
{
    (void)state;
    put_cgroup("0::/\n");
    put("sys/fs/cgroup/cpu.max", "50000 100000\n");
    assert_true(read_fake().cpu_quota == 0.5);
}

static void a_host_path_inside_a_container_falls_back_to_what_is_mounted(void **state)
{
    (void)state;
    put_cgroup("0::/docker/0123456789abcdef\n");
    put("sys/fs/cgroup/cpu.max", "200000 100000\n");
    assert_true(read_fake().cpu_quota == 2.0);
}

static void version_1_has_its_own_files_and_mounts(void **state)
{
    struct machine machine;

    (void)state;
    put_cgroup("5:cpu,cpuacct:/x/y\n4:memory:/x\n3:cpuset:/x\n0::/z\n");
    put("sys/fs/cgroup/cpu,cpuacct/x/cpu.cfs_quota_us", "-1\n");
    put("sys/fs/cgroup/cpu,cpuacct/x/cpu.cfs_period_us", "100000\n");
    put("sys/fs/cgroup/cpu,cpuacct/x/y/cpu.cfs_quota_us", "250000\n");
    put("sys/fs/cgroup/cpu,cpuacct/x/y/cpu.cfs_period_us", "100000\n");
    put("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    put("sys/fs/cgroup/memory/x/memory.limit_in_bytes", "123456\n");
    machine = read_fake();
    assert_true(machine.cpu_quota == 2.5);
    assert_int_equal(machine.memory_limit_bytes, 123456);
}

static void cpuset_and_cpuacct_are_not_taken_for_cpu(void **state)
{
    (void)state;
    put_cgroup("5:cpuset,cpuacct:/x\n");
    put("sys/fs/cgroup/cpu/x/cpu.cfs_quota_us", "250000\n");
    put("sys/fs/cgroup/cpu/x/cpu.cfs_period_us", "100000\n");
    assert_true(read_fake().cpu_quota == 0.0);
}

static void rubbish_and_escapes_are_ignored(void **state)
{
    struct machine machine;

    (void)state;
    put_cgroup("rubbish\n0:\n0::relative\n0::/../../escape/\n0::/a\n");
    put("sys/fs/cgroup/a/cpu.max", "nonsense\n");
    put("sys/fs/cgroup/a/memory.max", "-5\n");
    put("sys/fs/escape/cpu.max", "1000 100000\n");
    machine = read_fake();
    assert_true(machine.cpu_quota == 0.0);
    assert_int_equal(machine.memory_limit_bytes, 0);
}

static void the_real_machine_is_read(void **state)
{
    struct machine machine = {0};

    (void)state;
    assert_int_equal(machine_read(NULL, 0, &machine), 0);
    assert_true(machine.memory_bytes > 0);
    assert_int_equal(machine.cpus, sysconf(_SC_NPROCESSORS_ONLN));
}

static void affinity_is_that_of_the_process(void **state)
{
    struct machine machine = {0};
    cpu_set_t mine, one;
    pid_t child;
    int cpu = 0, status;

    (void)state;
    assert_int_equal(sched_getaffinity(0, sizeof(mine), &mine), 0);
    while (!CPU_ISSET(cpu, &mine))
        cpu++;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    child = fork();
    if (child == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;)
            pause();
    }
    assert_int_equal(sched_setaffinity(child, sizeof(one), &one), 0);
    assert_int_equal(machine_read(NULL, child, &machine), 0);
    assert_int_equal(machine.cpus_allowed, 1);
    assert_int_equal(machine_read(NULL, 0, &machine), 0);
    assert_int_equal(machine.cpus_allowed, CPU_COUNT(&mine));
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(machine_read(NULL, child, &machine), -ESRCH);
}

int main(void)
{
#define IN_ROOT(test) cmocka_unit_test_setup_teardown(test, enter, leave)
    const struct CMUnitTest tests[] = {
        IN_ROOT(nothing_there_means_no_limits),
        IN_ROOT(memory_and_cpu_name_are_read),
        IN_ROOT(version_2_takes_the_tightest_level),
        IN_ROOT(version_2_root_only),
        IN_ROOT(a_host_path_inside_a_container_falls_back_to_what_is_mounted),
        IN_ROOT(version_1_has_its_own_files_and_mounts),
        IN_ROOT(cpuset_and_cpuacct_are_not_taken_for_cpu),
        IN_ROOT(rubbish_and_escapes_are_ignored),
        cmocka_unit_test(the_real_machine_is_read),
        cmocka_unit_test(affinity_is_that_of_the_process),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
