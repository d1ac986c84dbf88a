/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The BPF probe on a real kernel: every cause from a real wait, conservation against stamps of the target's own, and
 * losses forced. Needs root (or a helper with capabilities); fails without.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include "base/base.h"
#include "probe/measurement.h"
#include "probe/probe.h"

static struct measurement *measure(const char *mode, struct probe_options options)
{
    char *const argv[] = {(char *)TARGET_PATH, (char *)(uintptr_t)mode, NULL};
    struct measurement *m = NULL;
    const char *problem = "none";
    char message[512] = "";
    int r;

    options.argv = argv;
    options.helper_path = HELPER_PATH;
    options.sites = true;
    r = probe_run(&options, &m, message, sizeof(message));
    if (r != PROBE_MEASURED)
        fail_msg("%s: probe_run gave %d: %s", mode, r, message);
    if (measurement_check(m, &problem) < 0)
        fail_msg("%s: invariant broken: %s", mode, problem);
    return m;
}

static uint64_t blocked(const struct measurement *m)
{
    uint64_t sum = 0;

    for (int cause = 0; cause < CAUSE_COUNT; cause++)
        sum += m->blocked_ns[cause];
    return sum;
}

/* Whatever else a mode does (join a helper thread, say) takes less than the wait that it is about. */
static void expect_cause(const char *mode, enum cause cause, double least_share)
{
    CLEANUP(measurement_freep) struct measurement *m = measure(mode, (struct probe_options){0});
    double share = (double)m->blocked_ns[cause] / (double)(blocked(m) + m->unattributed_ns);

    if (share < least_share)
        fail_msg("%s: only %.1f %% of the blocked time is %s", mode, share * 100, cause_to_str(cause));
    assert_int_equal(m->target.exit_status, 0);
}

static void waits_are_named(void **state)
{
    static const struct {
        const char *mode;
        enum cause cause;
        double least_share;
    } cases[] = {
        {"mutex", CAUSE_LOCK, 0.6},
        {"condition", CAUSE_HANDOFF, 0.9},
        {"semaphore", CAUSE_HANDOFF, 0.9},
        {"join", CAUSE_JOIN, 0.9},
        {"child", CAUSE_JOIN, 0.9},
        {"sleep", CAUSE_SLEEP, 0.9},
        {"select", CAUSE_SLEEP, 0.9},
        {"poll-timeout", CAUSE_SLEEP, 0.9},
        {"epoll-timeout", CAUSE_SLEEP, 0.9},
        {"epoll-sibling", CAUSE_HANDOFF, 0.9},
        {"pipe", CAUSE_IPC, 0.9},
        {"unix", CAUSE_IPC, 0.9},
        {"eventfd", CAUSE_HANDOFF, 0.9},
        {"accept", CAUSE_IDLE, 0.9},
        {"stopped", CAUSE_STOPPED, 0.9},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        expect_cause(cases[i].mode, cases[i].cause, cases[i].least_share);
}

/* A child of this test, so outside the target: connects come in, an answer goes out 200 ms later. */
static pid_t start_peer(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char port[16];
    pid_t pid;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(listener, (const struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(listener, 8), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &length), 0);
    (void)snprintf(port, sizeof(port), "%d", ntohs(address.sin_port));
    assert_int_equal(setenv("TARGET_PORT", port, 1), 0);
    pid = fork();
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;) {
            int peer = accept(listener, NULL, NULL);

            (void)nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
            (void)!write(peer, "x", 1);
            (void)nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
            (void)close(peer);
        }
    }
    (void)close(listener);
    return pid;
}

static void outside_peers_are_told_from_inside(void **state)
{
    pid_t peer = start_peer();
    int saved = dup(STDIN_FILENO), fds[2];
    pid_t writer;

    (void)state;
    expect_cause("network", CAUSE_NETWORK, 0.9);
    expect_cause("poll-socket", CAUSE_NETWORK, 0.9);
    expect_cause("epoll-network", CAUSE_NETWORK, 0.9);
    (void)kill(peer, SIGKILL);
    (void)waitpid(peer, NULL, 0);

    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    writer = fork();
    if (writer == 0) {
        (void)nanosleep(&(struct timespec){.tv_nsec = 400000000}, NULL);
        (void)!write(fds[1], "x", 1);
        _exit(0);
    }
    assert_true(dup2(fds[0], STDIN_FILENO) >= 0);
    expect_cause("stdin", CAUSE_PIPE, 0.9);
    assert_true(dup2(saved, STDIN_FILENO) >= 0);
    (void)waitpid(writer, NULL, 0);
    (void)close(saved);
    (void)close(fds[0]);
    (void)close(fds[1]);
}

/* A thread's life as stamped by itself lies within what was measured, and that within the stamps of its parent. */
static void lifetimes_agree_with_the_targets_own_stamps(void **state)
{
    int saved = dup(STDOUT_FILENO), fds[2], found = 0;
    unsigned long long inside[3][2], outside[3][2];
    CLEANUP(measurement_freep) struct measurement *m = NULL;
    FILE *out;
    int tids[3];

    (void)state;
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    assert_true(dup2(fds[1], STDOUT_FILENO) >= 0);
    m = measure("stamps", (struct probe_options){0});
    assert_true(dup2(saved, STDOUT_FILENO) >= 0);
    (void)close(saved);
    (void)close(fds[1]);
    out = fdopen(fds[0], "r");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(fscanf(out, " inside %d %llu %llu", &tids[i], &inside[i][0], &inside[i][1]), 3);
        assert_int_equal(fscanf(out, " outside %llu %llu", &outside[i][0], &outside[i][1]), 2);
    }
    (void)fclose(out);
    for (size_t k = 0; k < m->n_threads; k++) {
        const struct thread *t = &m->threads[k];
        uint64_t life = t->death_ns - t->birth_ns, sum = t->on_cpu_ns + t->runnable_ns + t->unattributed_ns;

        for (int cause = 0; cause < CAUSE_COUNT; cause++)
            sum += t->blocked_ns[cause];
        assert_int_equal(sum, life);
        for (int i = 0; i < 3; i++) {
            if (t->tid != tids[i])
                continue;
            found++;
            assert_true(life >= inside[i][1] - inside[i][0]);
            /* A join returns before the thread has left its CPU, and it may have to wait for one once more until then.
             */
            assert_true(life - t->runnable_ns <= outside[i][1] - outside[i][0]);
            assert_true(t->unattributed_ns <= life / 1000);
            assert_true(t->on_cpu_ns + t->runnable_ns >= 30 * NSEC_PER_MSEC * 9 / 10);
            /* The timer runs from the call on; a preemption before the thread is asleep is run-queue time. */
            assert_true(t->blocked_ns[CAUSE_SLEEP] + t->runnable_ns >= 29 * NSEC_PER_MSEC);
            assert_true(t->blocked_ns[CAUSE_SLEEP] > 0);
        }
    }
    assert_int_equal(found, 3);
}

static void storms_are_counted_whole(void **state)
{
    CLEANUP(measurement_freep) struct measurement *threads = measure("thread-storm", (struct probe_options){0});
    CLEANUP(measurement_freep) struct measurement *forks = measure("fork-storm", (struct probe_options){0});
    CLEANUP(measurement_freep) struct measurement *crowd = measure("crowd", (struct probe_options){0});

    (void)state;
    assert_int_equal(threads->threads_total, 3001);
    assert_int_equal(threads->n_threads + threads->loss.threads_omitted, 3001);
    assert_int_equal(threads->loss.threads_dropped, 0);
    assert_int_equal(forks->processes_total, 1001);
    assert_int_equal(forks->n_threads + forks->loss.threads_omitted, 1001);
    assert_int_equal(crowd->threads_total, 201);
    assert_true(crowd->max_live_threads >= 100 && crowd->max_live_threads <= 201);
}

static void descendants_are_followed(void **state)
{
    CLEANUP(measurement_freep) struct measurement *m = measure("daemon", (struct probe_options){0});
    CLEANUP(measurement_freep) struct measurement *spawned = measure("vfork", (struct probe_options){0});
    CLEANUP(measurement_freep) struct measurement *execed = measure("thread-exec", (struct probe_options){0});

    (void)state;
    assert_int_equal(m->processes_total, 3);
    assert_true(m->on_cpu_ns + m->runnable_ns >= 200 * NSEC_PER_MSEC * 9 / 10);
    assert_int_equal(spawned->processes_total, 2);
    assert_true(spawned->processes[1].execed);
    assert_true(spawned->blocked_ns[CAUSE_SLEEP] > 0);
    assert_true(spawned->blocked_ns[CAUSE_JOIN] > 0);
    /* The thread that calls exec takes the process over: one process, and it sleeps. */
    assert_int_equal(execed->processes_total, 1);
    assert_true(execed->blocked_ns[CAUSE_SLEEP] + execed->runnable_ns >= 99 * NSEC_PER_MSEC);
}

static void a_wrappers_helpers_are_not_the_program(void **state)
{
    CLEANUP(measurement_freep) struct measurement *m = measure("wrapper", (struct probe_options){0});

    (void)state;
    assert_int_equal(m->processes_total, 3);
    assert_false(m->processes[0].launcher);
    assert_true(m->processes[1].launcher);
    assert_false(m->processes[2].launcher);
    for (size_t i = 0; i < m->n_threads; i++)
        assert_int_equal(m->threads[i].runtime_internal, m->threads[i].pid == m->processes[1].pid);
}

static void cpu_time_is_the_kernels(void **state)
{
    CLEANUP(measurement_freep) struct measurement *m = measure("busy", (struct probe_options){0});
    uint64_t busy = 0;

    (void)state;
    /* It only burns: what was not on a CPU was ready for one. */
    assert_true(m->on_cpu_ns + m->runnable_ns >= (m->thread_time_ns - blocked(m)) / 1000 * 999);
    for (size_t k = 1; k < m->n_parallelism; k++)
        busy += k * m->parallelism_ns[k];
    /* A stretch whose switch-in was hidden from us is mended in the sums, not in the histogram. */
    assert_true(busy + m->loss.repaired_ns >= m->on_cpu_ns / 100 * 97);
    assert_true(busy <= m->on_cpu_ns / 100 * 103 + NSEC_PER_MSEC);
    assert_int_equal(m->max_live_threads, 1);
    assert_true(m->cpu_samples > 0);
}

static void forced_losses_are_counted(void **state)
{
    CLEANUP(measurement_freep)
    struct measurement *ring = measure("ping-pong", (struct probe_options){.ring_records = 64});
    CLEANUP(measurement_freep) struct measurement *slots = measure("crowd", (struct probe_options){.max_threads = 50});
    CLEANUP(measurement_freep)
    struct measurement *few = measure("ping-pong", (struct probe_options){.max_slices = 1000});
    uint64_t blocks = 0, ns = 0;

    (void)state;
    assert_true(ring->loss.slices_dropped > 0);
    for (int cause = 0; cause < CAUSE_COUNT; cause++)
        blocks += ring->blocked_count[cause];
    /* Totals come from the kernel's slots: nothing of them was lost with the slices. */
    assert_true(blocks >= 20000);
    assert_true(ring->unattributed_ns <= ring->thread_time_ns / 1000);
    assert_true(slots->loss.threads_dropped > 0);
    assert_true(slots->threads_total + slots->loss.threads_dropped == 201);
    assert_true(few->loss.decimation > 1);
    /* Merged slices still add up to what the threads spent. */
    for (size_t i = 0; few->loss.slices_dropped == 0 && i < few->n_threads; i++) {
        for (size_t k = 0; k < few->threads[i].n_slices; k++)
            ns += few->threads[i].slices[k].on_cpu_ns;
    }
    if (few->loss.slices_dropped == 0)
        assert_int_equal(ns, few->on_cpu_ns);
}

static void failures_start_nothing(void **state)
{
    char *const missing[] = {(char *)"/nonexistent/program", NULL}, *const folder[] = {(char *)"/tmp", NULL},
                *const target[] = {(char *)TARGET_PATH, (char *)"busy", NULL};
    struct probe_options options = {.argv = missing, .helper_path = HELPER_PATH};
    struct measurement *m = NULL;
    char message[512] = "";

    (void)state;
    assert_int_equal(probe_run(&options, &m, message, sizeof(message)), PROBE_NOT_FOUND);
    assert_non_null(strstr(message, "not started"));
    options.argv = folder;
    assert_int_equal(probe_run(&options, &m, message, sizeof(message)), PROBE_NOT_EXECUTABLE);
    assert_non_null(strstr(message, "not started"));
    options.argv = target;
    options.helper_path = "/nonexistent/concadvise-probe";
    options.kind = PROBE_BPF; /* PROBE_AUTO goes on without BPF */
    assert_int_equal(probe_run(&options, &m, message, sizeof(message)), PROBE_UNAVAILABLE);
    assert_non_null(strstr(message, "not started"));
    assert_null(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waits_are_named),
        cmocka_unit_test(outside_peers_are_told_from_inside),
        cmocka_unit_test(lifetimes_agree_with_the_targets_own_stamps),
        cmocka_unit_test(storms_are_counted_whole),
        cmocka_unit_test(descendants_are_followed),
        cmocka_unit_test(a_wrappers_helpers_are_not_the_program),
        cmocka_unit_test(cpu_time_is_the_kernels),
        cmocka_unit_test(forced_losses_are_counted),
        cmocka_unit_test(failures_start_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
