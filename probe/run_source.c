/* SPDX-License-Identifier: BSD-2-Clause */

/* Who measures a run: the privileged helper with BPF, or the sampler, which looks into /proc. */

#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/base.h"
#include "probe/probe.h"
#include "probe/procfs/sampler.h"
#include "probe/run_parts.h"

static const char *untouched(const struct run *run)
{
    return run->attached ? "The process was left alone." : "The target was not started.";
}

static int start_sampler(struct run *run, char *message, size_t size)
{
    bool stacks = run->options->sites && !run->options->light;
    int r = sampler_start(run->launch.pid, run->attached, stacks, &run->sampler, &run->helper.socket);

    if (r == 0)
        return 0;
    (void)snprintf(message, size, "cannot measure from /proc: %s. %s", strerror(-r), untouched(run));
    return PROBE_UNAVAILABLE;
}

/* Nobody asked for BPF in so many words: say why there is none, and go on without. */
static void say_fallback(const struct run *run, const char *reason)
{
    char text[768];

    if (!run->options->notice)
        return;
    (void)snprintf(
        text, sizeof(text),
        "measuring from /proc, without privileges: fewer causes are told apart (finding CA9006). No BPF here: "
        "%s.",
        reason);
    run->options->notice(text, run->options->userdata);
}

/* A process that was to be attached to and is no more: that is the reason then, whatever the helper says. */
static bool has_ended_meanwhile(const struct run *run)
{
    struct pollfd pollfd = {.fd = run->pidfd, .events = POLLIN};

    return run->attached && poll(&pollfd, 1, 0) > 0;
}

int run_start_source(struct run *run, char *message, size_t size)
{
    const struct probe_options *options = run->options;
    char reason[512] = "";
    int sampling = 0, r;

    if (options->kind == PROBE_PROCFS)
        return start_sampler(run, message, size);
    r = helper_process_start(options->helper_path, run->launch.pid, options->ring_records, options->max_threads,
                             run_detail(options), run->attached, &run->helper, &sampling, reason, sizeof(reason));
    run->sampling = (enum sampling)sampling;
    if (r == 0)
        return 0;
    if (has_ended_meanwhile(run)) {
        (void)snprintf(message, size, "process %d has ended meanwhile. Nothing was measured.", (int)run->launch.pid);
        return PROBE_UNAVAILABLE;
    }
    if (options->kind == PROBE_AUTO) {
        say_fallback(run, reason[0] ? reason : strerror(-r));
        return start_sampler(run, message, size);
    }
    (void)snprintf(message, size, "cannot measure: %s. %s --probe=procfs needs no privileges.",
                   reason[0] ? reason : strerror(-r), untouched(run));
    return PROBE_UNAVAILABLE;
}

void run_end_source(struct run *run)
{
    helper_process_end(&run->helper);
    sampler_end(run->sampler);
    run->sampler = NULL;
}

static uint64_t ns_of(const struct timeval *time)
{
    return (uint64_t)time->tv_sec * NSEC_PER_SEC + (uint64_t)time->tv_usec * NSEC_PER_USEC;
}

bool run_reap(struct run *run, pid_t pid, int *ret_status)
{
    uint64_t own_ns, all_ns;
    struct rusage usage;
    siginfo_t info = {0};

    if (!run->sampler)
        return waitpid(pid, ret_status, WNOHANG) == pid;
    if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid != pid)
        return false;
    own_ns = sampler_last_look(run->sampler, pid);
    if (wait4(pid, ret_status, WNOHANG, &usage) != pid)
        return false;
    all_ns = ns_of(&usage.ru_utime) + ns_of(&usage.ru_stime);
    if (own_ns && all_ns > own_ns)
        sampler_reaped(run->sampler, all_ns - own_ns);
    return true;
}

void run_reap_orphans(struct run *run)
{
    siginfo_t info = {0};
    int status;

    while (run->sampler && waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid) {
        if (info.si_pid == run->launch.pid || !sampler_owns(run->sampler, info.si_pid) ||
            !run_reap(run, info.si_pid, &status))
            return;
        info.si_pid = 0;
    }
}
