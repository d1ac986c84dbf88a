/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/bpf_probe.h"

#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>

#include "base/base.h"
#include "probe/assemble/assemble.h"
#include "probe/follow/collector.h"
#include "probe/helper_process.h"
#include "probe/launch.h"
#include "probe/machine.h"
#include "probe/measurement.h"
#include "probe/probe.h"
#include "probe/runtime/detect.h"
#include "probe/follow/watch.h"

#define DEFAULT_SLICES 131072u
#define TICK_SOON_MS 5 /* while a process's image is still to be found */
#define TICK_MS 100
#define PROGRESS_INTERVAL_NS (250 * NSEC_PER_MSEC)
#define OUTLIVE_NS (2 * NSEC_PER_SEC) /* how long descendants may outlive the program before we stop looking */

/* One run while it is going on. */
struct run {
    const struct probe_options *options;
    struct launch launch;
    struct helper_process helper;
    struct collector collector;
    sigset_t saved_mask;
    int signals;
    bool exited; /* the root has been reaped */
    int status;  /* of waitpid() */
    uint64_t exited_ns;
    bool stop_sent;
    int interrupts;
    uint64_t next_progress;
    bool sampling;
    bool outlived;
    bool timed_out;
    struct machine machine; /* as last seen by the root: it may change its own affinity */
    uint64_t next_machine;
};

static uint64_t clock_now(clockid_t clock)
{
    struct timespec now;

    (void)clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * NSEC_PER_SEC + (uint64_t)now.tv_nsec;
}

/* Signals arrive as reads while a run goes on; the target gets the mask we were started with. */
static int open_signals(struct run *run)
{
    sigset_t set;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGCHLD);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGHUP);
    (void)sigaddset(&set, SIGQUIT);
    if (sigprocmask(SIG_BLOCK, &set, &run->saved_mask) < 0)
        return -errno;
    run->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return run->signals < 0 ? -errno : 0;
}

static void close_signals(struct run *run)
{
    struct signalfd_siginfo info;

    if (run->signals < 0)
        return;
    /* What is still pending has been acted upon, or was for the target. */
    while (read(run->signals, &info, sizeof(info)) == (ssize_t)sizeof(info))
        ;
    (void)close(run->signals);
    run->signals = -1;
    (void)sigprocmask(SIG_SETMASK, &run->saved_mask, NULL);
}

static int send_stop(struct run *run)
{
    if (run->stop_sent)
        return 0;
    run->stop_sent = true;
    return wire_send(run->helper.socket, WIRE_STOP, NULL, 0);
}

static void reap_root(struct run *run)
{
    if (!run->exited && waitpid(run->launch.pid, &run->status, WNOHANG) == run->launch.pid) {
        run->exited = true;
        run->exited_ns = clock_now(CLOCK_MONOTONIC);
        (void)wire_send(run->helper.socket, WIRE_ASK, NULL, 0); /* is anybody left? */
    }
}

/*
 * A signal from the terminal has reached the whole foreground group, the target included; one sent to us alone is
 * passed on. The second interrupt ends the measurement whatever the target does.
 */
static int take_signal(struct run *run, const struct signalfd_siginfo *info)
{
    int number = (int)info->ssi_signo;

    if (number == SIGCHLD) {
        reap_root(run);
        return 0;
    }
    if (!run->exited && info->ssi_code != SI_KERNEL)
        (void)kill(run->launch.pid, number);
    if (++run->interrupts < 2)
        return 0;
    return send_stop(run);
}

static int read_signals(struct run *run)
{
    struct signalfd_siginfo info;
    int r = 0;

    while (r == 0 && read(run->signals, &info, sizeof(info)) == (ssize_t)sizeof(info))
        r = take_signal(run, &info);
    return r;
}

static void report_progress(struct run *run, uint64_t now)
{
    const struct collector *collector = &run->collector;
    uint64_t accounted = collector->on_cpu_ns + collector->runnable_ns;
    struct probe_progress progress = {0};

    if (!run->options->progress || now < run->next_progress)
        return;
    run->next_progress = now + PROGRESS_INTERVAL_NS;
    progress.elapsed_ns = now - collector->released_ns;
    progress.live_threads = (uint32_t)collector->status.live_threads;
    progress.on_cpu_ns = collector->on_cpu_ns;
    progress.blocked_ns = collector->thread_time_ns > accounted ? collector->thread_time_ns - accounted : 0;
    run->options->progress(&progress, run->options->userdata);
}

/* When to stop reading: everyone has ended, descendants linger too long, or the time is up. */
static int check_end(struct run *run, uint64_t now)
{
    uint64_t limit = run->options->duration_ns;

    if (run->stop_sent)
        return 0;
    if (limit && now - run->collector.released_ns >= limit) {
        run->timed_out = true;
        return send_stop(run);
    }
    if (!run->exited)
        return 0;
    /* Only news from after its end says who else is left. */
    if (run->collector.status.now_ns > run->exited_ns && run->collector.status.live_processes == 0)
        return send_stop(run);
    if (!limit && now - run->exited_ns >= OUTLIVE_NS) {
        run->outlived = true;
        return send_stop(run);
    }
    return 0;
}

static void look_at_machine(struct run *run, uint64_t now)
{
    if (run->exited || now < run->next_machine)
        return;
    (void)machine_read(NULL, run->launch.pid, &run->machine);
    run->next_machine = now ? now + NSEC_PER_SEC : 1;
}

static int follow(struct run *run)
{
    AUTO_FREE void *payload = NULL;
    struct pollfd sources[] = {{.fd = run->helper.socket, .events = POLLIN}, {.fd = run->signals, .events = POLLIN}};
    size_t capacity = 0;
    int r = 0;

    while (r == 0 && !run->collector.finished) {
        bool soon = run->collector.state.next_look != UINT64_MAX;
        uint64_t now;

        if (poll(sources, ARRAY_SIZE(sources), soon ? TICK_SOON_MS : TICK_MS) < 0 && errno != EINTR)
            return -errno;
        if (sources[1].revents)
            r = read_signals(run);
        if (r == 0 && sources[0].revents) {
            struct wire_header header;

            r = wire_receive(run->helper.socket, &header, &payload, &capacity);
            if (r == 0)
                return -ECHILD;
            if (r > 0)
                r = collector_feed(&run->collector, &header, payload);
        }
        now = clock_now(CLOCK_MONOTONIC);
        if (r == 0 && !run->stop_sent)
            collector_tick(&run->collector, now);
        if (r == 0)
            r = check_end(run, now);
        look_at_machine(run, now);
        report_progress(run, now);
    }
    return r;
}

static int copy_argv(struct measurement *m, char *const *argv)
{
    size_t n = 0;

    while (argv[n])
        n++;
    m->target.argv = calloc(n + 1, sizeof(*m->target.argv));
    if (!m->target.argv)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        m->target.argv[i] = strdup(argv[i]);
        if (!m->target.argv[i])
            return -ENOMEM;
        m->target.n_argv++;
    }
    return 0;
}

/* The runtime of the process that used the most CPU, among those that were recognised. */
static void find_runtime(const struct run *run, struct measurement *m)
{
    const struct run_state *state = &run->collector.state;
    const struct run_process *best = NULL;

    for (size_t i = 0; i < state->n_processes; i++) {
        const struct run_process *process = &state->processes[i];

        if (process->image && (!best || process->cpu_ns > best->cpu_ns))
            best = process;
    }
    if (best)
        m->target.runtime = best->image->runtime;
}

static int note_circumstances(const struct run *run, struct measurement *m)
{
    int r = 0;

    if (!run->sampling)
        r = measurement_note(m,
                             "No on-CPU samples: the kernel refused performance events (perf_event_paranoid), so the "
                             "share of CPU time under the interpreter lock is not known.");
    if (r == 0 && run->collector.final.totals.stacks_denied)
        r = measurement_note(m,
                             "Programs that gained rights by setuid, setgid or file capabilities were measured without "
                             "looking at their stacks: those are for root to see (sudo).");
    if (r == 0 && run->outlived)
        r = measurement_note(m, "Descendants outlived the program; they were measured for 2 s after its end.");
    if (r == 0 && run->timed_out)
        r = measurement_note(m, "The measurement was ended by -d while the program was still running.");
    return r;
}

static int build_measurement(struct run *run, const char *command, uint64_t own_cpu_ns, struct measurement **ret_m)
{
    CLEANUP(measurement_freep) struct measurement *m = measurement_new();
    int r;

    if (!m)
        return -ENOMEM;
    (void)snprintf(m->tool_version, sizeof(m->tool_version), "%s", CONCADVISE_VERSION);
    (void)snprintf(m->probe, sizeof(m->probe), "bpf");
    m->machine = run->machine;
    r = copy_argv(m, run->options->argv);
    if (r < 0)
        return r;
    m->target.exe = strdup(command);
    m->target.pid = run->launch.pid;
    m->target.exited = run->exited;
    if (run->exited && WIFSIGNALED(run->status))
        m->target.signal = WTERMSIG(run->status);
    else if (run->exited)
        m->target.exit_status = WEXITSTATUS(run->status);
    find_runtime(run, m);
    r = assemble(&run->collector, m);
    if (r == 0)
        r = note_circumstances(run, m);
    if (r < 0)
        return r;
    m->overhead_ns = run->collector.final.cpu_ns + own_cpu_ns;
    *ret_m = TAKE_PTR(m);
    return 0;
}

/* Held target and helper are there: let it run, follow it, make the measurement. */
static int measure(struct run *run, const char *command, struct measurement **ret_m, char *message, size_t size)
{
    uint64_t cpu_before = clock_now(CLOCK_PROCESS_CPUTIME_ID);
    int r;

    look_at_machine(run, 0);
    run->collector.released_ns = clock_now(CLOCK_MONOTONIC);
    r = launch_release(&run->launch);
    if (r < 0) {
        (void)snprintf(message, size, "cannot execute %s: %s. The target was not started.", run->options->argv[0],
                       strerror(-r));
        run->launch.pid = -1;
        return r == -ENOENT ? PROBE_NOT_FOUND : PROBE_NOT_EXECUTABLE;
    }
    r = follow(run);
    if (run->options->ret_interrupts)
        *run->options->ret_interrupts = (unsigned)run->interrupts;
    if (r < 0) {
        (void)snprintf(message, size, "the probe failed while the target was running (%s); the target goes on.",
                       r == -ECHILD ? "the helper ended" : strerror(-r));
        return r;
    }
    watch_end(&run->collector.state, clock_now(CLOCK_MONOTONIC));
    if (run->timed_out && !run->exited)
        (void)kill(run->launch.pid, SIGTERM);
    reap_root(run);
    r = build_measurement(run, command, clock_now(CLOCK_PROCESS_CPUTIME_ID) - cpu_before, ret_m);
    if (r < 0)
        (void)snprintf(message, size, "the measurement could not be put together: %s. The target has run.",
                       strerror(-r));
    return r;
}

static int run_held(struct run *run, const char *command, struct measurement **ret_m, char *message, size_t size)
{
    const struct probe_options *options = run->options;
    char reason[512] = "";
    int sampling = 0, r;

    r = helper_process_start(options->helper_path, run->launch.pid, options->ring_records, options->max_threads,
                             options->sites, &run->helper, &sampling, reason, sizeof(reason));
    if (r < 0) {
        (void)snprintf(message, size, "cannot measure: %s. The target was not started.",
                       reason[0] ? reason : strerror(-r));
        return PROBE_UNAVAILABLE;
    }
    run->sampling = sampling;
    r = collector_init(&run->collector, run->launch.pid, run->helper.socket,
                       options->max_slices ? options->max_slices : DEFAULT_SLICES);
    if (r < 0) {
        (void)snprintf(message, size, "out of memory. The target was not started.");
        return r;
    }
    return measure(run, command, ret_m, message, size);
}

int bpf_probe_run(const struct probe_options *options, const char *command, struct measurement **ret_m, char *message,
                  size_t size)
{
    struct run run = {.options = options, .launch = {-1, -1, -1}, .helper = {-1, -1}, .signals = -1};
    struct launch_options launch = {
        .argv = options->argv,
        .user = options->user,
        .stdout_to_stderr = options->target_stdout_to_stderr,
        .mask = &run.saved_mask,
    };
    bool held;
    int r = open_signals(&run);

    message[0] = '\0';
    if (r == 0)
        r = launch_hold(&launch, &run.launch, message, size);
    held = r == 0;
    if (held)
        r = run_held(&run, command, ret_m, message, size);
    else if (!message[0])
        (void)snprintf(message, size, "cannot start a process: %s. The target was not started.", strerror(-r));
    if (held && run.collector.released_ns == 0)
        launch_abort(&run.launch);
    launch_close(&run.launch);
    helper_process_end(&run.helper);
    collector_clear(&run.collector);
    close_signals(&run);
    return r;
}

int bpf_probe_try(const char *helper_path, char *message, size_t size)
{
    static char *const argv[] = {(char *)"true", NULL};
    struct helper_process helper = {-1, -1};
    struct launch launch = {-1, -1, -1};
    sigset_t mask;
    struct launch_options options = {.argv = argv, .mask = &mask};
    int sampling, r;

    (void)sigprocmask(SIG_SETMASK, NULL, &mask);
    message[0] = '\0';
    r = launch_hold(&options, &launch, message, size);
    if (r < 0)
        return r;
    r = helper_process_start(helper_path, launch.pid, 0, 0, true, &helper, &sampling, message, size);
    if (r == 0)
        (void)snprintf(message, size, "BPF programs load and attach; on-CPU samples: %s", sampling ? "yes" : "no");
    launch_abort(&launch);
    helper_process_end(&helper);
    return r;
}
