/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Where switches follow each other so fast that their time is reckoned and not read (probe/bpf/clock.bpf.h): the
 * account must agree with the kernel's own, and be without gaps. With an argument this program is the target.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <time.h>

#include "base/base.h"
#include "probe/measurement.h"
#include "probe/probe.h"

#define TRIPS 100000

/* The kernel's account of how long the thread was ready without a CPU (proc_pid_schedstat: Documentation/scheduler). */
static unsigned long long run_delay(void)
{
    AUTO_FCLOSE FILE *file = fopen("/proc/thread-self/schedstat", "re");
    unsigned long long ran, delayed;

    return file && fscanf(file, "%llu %llu", &ran, &delayed) == 2 ? delayed : 0;
}

/* Hands a byte to and fro; says what it used of the CPU, and waited for it, by the kernel's account of the thread. */
static void *switch_often(void *pipes)
{
    const int *end = pipes;
    struct timespec cpu;
    char byte = 0;

    for (int i = 0; i < TRIPS; i++)
        if (write(end[1], &byte, 1) != 1 || read(end[0], &byte, 1) != 1)
            exit(1);
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu);
    (void)printf("%d %llu %llu\n", gettid(), (unsigned long long)cpu.tv_sec * NSEC_PER_SEC + (unsigned long)cpu.tv_nsec,
                 run_delay());
    return NULL;
}

/* Two threads on one CPU that do nothing but switch to each other. */
static int be_the_target(void)
{
    int there[2], back[2], ends[2][2];
    pthread_t other;
    cpu_set_t set;

    if (sched_getaffinity(0, sizeof(set), &set) || pipe2(there, O_CLOEXEC) || pipe2(back, O_CLOEXEC))
        return 1;
    for (int cpu = 0, found = 0; cpu < CPU_SETSIZE; cpu++) {
        if (CPU_ISSET(cpu, &set) && found++)
            CPU_CLR(cpu, &set);
    }
    ends[0][0] = back[0];
    ends[0][1] = there[1];
    ends[1][0] = there[0];
    ends[1][1] = back[1];
    if (sched_setaffinity(0, sizeof(set), &set) || pthread_create(&other, NULL, switch_often, ends[1]))
        return 1;
    (void)switch_often(ends[0]);
    (void)pthread_join(other, NULL);
    return 0;
}

/* Runs it; its two lines come through a pipe. */
static struct measurement *measure(bool light, int tids[2], unsigned long long used[2], unsigned long long delayed[2])
{
    char self[4096] = "";
    char *const argv[] = {self, (char *)(uintptr_t) "target", NULL};
    struct probe_options options = {
        .kind = PROBE_BPF, .argv = argv, .sites = true, .light = light, .helper_path = HELPER_PATH};
    int saved = dup(STDOUT_FILENO), fds[2], outcome;
    struct measurement *m = NULL;
    char message[512] = "";
    FILE *out;

    assert_true(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    assert_true(dup2(fds[1], STDOUT_FILENO) >= 0);
    outcome = probe_run(&options, &m, message, sizeof(message));
    assert_true(dup2(saved, STDOUT_FILENO) >= 0);
    (void)close(saved);
    (void)close(fds[1]);
    if (outcome != PROBE_MEASURED)
        fail_msg("%s", message);
    out = fdopen(fds[0], "r");
    for (int i = 0; i < 2; i++)
        assert_int_equal(fscanf(out, "%d %llu %llu", &tids[i], &used[i], &delayed[i]), 3);
    (void)fclose(out);
    return m;
}

static void check(bool light)
{
    const uint64_t slack = 10 * NSEC_PER_MSEC; /* before the release and after the last word */
    CLEANUP(measurement_freep) struct measurement *m = NULL;
    unsigned long long used[2], delayed[2];
    int tids[2], found = 0;

    m = measure(light, tids, used, delayed);
    for (size_t k = 0; k < m->n_threads; k++) {
        const struct thread *t = &m->threads[k];
        uint64_t sum = t->on_cpu_ns + t->runnable_ns;

        for (int cause = 0; cause < CAUSE_COUNT; cause++)
            sum += t->blocked_ns[cause];
        assert_int_equal(sum, t->death_ns - t->birth_ns);
        for (int i = 0; i < 2; i++) {
            if (t->tid != tids[i])
                continue;
            found++;
            assert_true(t->blocked_count[CAUSE_IPC] + t->blocked_count[CAUSE_PIPE] >
                        TRIPS / 4); /* two bytes are under way */
            /* The kernel takes the time of interrupts off where it knows it; the end of the thread comes on top. */
            /* By the kernel's account, if no switch went unseen; what came after the last word is ours alone. */
            if (light && !m->loss.repaired)
                assert_true(t->runnable_ns + slack >= delayed[i] * 4 / 5);
            if (light)
                assert_int_equal(t->n_slices, 0);
            assert_in_range(t->on_cpu_ns, used[i] - used[i] / 10, used[i] + used[i] / 10 + slack);
        }
    }
    assert_int_equal(found, 2);
    assert_int_equal(m->loss.slices_dropped, 0);
}

static void fast_switches_agree_with_the_kernels_account(void **state)
{
    (void)state;
    check(false);
}

static void so_do_totals_alone(void **state)
{
    (void)state;
    check(true);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fast_switches_agree_with_the_kernels_account),
        cmocka_unit_test(so_do_totals_alone),
    };

    (void)argv;
    return argc > 1 ? be_the_target() : cmocka_run_group_tests(tests, NULL, NULL);
}
