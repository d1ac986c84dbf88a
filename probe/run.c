/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/run.h"

#include <signal.h>

#include "base/base.h"
#include "probe/follow/live.h"
#include "probe/probe.h"
#include "probe/procfs/sampler.h"
#include "probe/run_parts.h"

#define DEFAULT_SLICES 131072u

int run_to_the_end(struct run *run, const char *command, uint64_t cpu_before, struct measurement **ret_m, char *message,
                   size_t size)
{
    int r = run_follow(run);

    if (run->options->ret_interrupts)
        *run->options->ret_interrupts = (unsigned)run->interrupts;
    if (r < 0) {
        (void)snprintf(message, size, "the probe failed while the target was running (%s); the target goes on.",
                       r == -ECHILD ? "the helper ended" : strerror(-r));
        return r;
    }
    watch_end(&run->collector.state, run_clock(CLOCK_MONOTONIC));
    if (run->timed_out && !run->exited && !run->attached)
        (void)kill(run->launch.pid, SIGTERM);
    run_reap_root(run);
    r = run_measurement(run, command, run_clock(CLOCK_PROCESS_CPUTIME_ID) - cpu_before, ret_m);
    if (r < 0)
        (void)snprintf(message, size, "the measurement could not be put together: %s. The target has run.",
                       strerror(-r));
    return r;
}

int run_collect(struct run *run)
{
    uint32_t slices = run->options->max_slices;
    int r = collector_init(&run->collector, run->launch.pid, run->helper.socket, slices ? slices : DEFAULT_SLICES);

    if (r < 0 || !(run->options->progress || run->options->live))
        return r;
    run->collector.live = live_new(run->options->live);
    return run->collector.live ? 0 : -ENOMEM;
}

/* Held target and helper are there: let it run, follow it, make the measurement. */
static int measure(struct run *run, const char *command, struct measurement **ret_m, char *message, size_t size)
{
    uint64_t cpu_before = run_clock(CLOCK_PROCESS_CPUTIME_ID);
    int r;

    run_look_at_machine(run, 0);
    run->collector.released_ns = run_clock(CLOCK_MONOTONIC);
    if (run->sampler)
        sampler_release(run->sampler, run->collector.released_ns);
    r = launch_release(&run->launch);
    if (r < 0) {
        (void)snprintf(message, size, "cannot execute %s: %s. The target was not started.", run->options->argv[0],
                       strerror(-r));
        run->launch.pid = -1;
        return r == -ENOENT ? PROBE_NOT_FOUND : PROBE_NOT_EXECUTABLE;
    }
    return run_to_the_end(run, command, cpu_before, ret_m, message, size);
}

enum wire_detail run_detail(const struct probe_options *options)
{
    if (options->light)
        return WIRE_DETAIL_LIGHT;
    return options->sites ? WIRE_DETAIL_SITES : WIRE_DETAIL_NO_SITES;
}

static int run_held(struct run *run, const char *command, struct measurement **ret_m, char *message, size_t size)
{
    int r = run_start_source(run, message, size);

    if (r != 0)
        return r;
    r = run_collect(run);
    if (r < 0) {
        (void)snprintf(message, size, "out of memory. The target was not started.");
        return r;
    }
    run->collector.samples_user_code = run->sampling == SAMPLING_TICKS;
    return measure(run, command, ret_m, message, size);
}

/* @param message  the reason, where there is one */
static void explain_hold_failure(int error, char *message, size_t size)
{
    AUTO_FREE char *reason = strdup(message);

    if (reason && *reason)
        (void)snprintf(message, size, "%s. The target was not started.", reason);
    else
        (void)snprintf(message, size, "cannot start a process: %s. The target was not started.", strerror(-error));
}

int run_target(const struct probe_options *options, const char *command, struct measurement **ret_m, char *message,
               size_t size)
{
    struct run run = {.options = options, .launch = {-1, -1, -1}, .helper = {-1, -1}, .signals = -1, .pidfd = -1};
    struct launch_options launch = {
        .argv = options->argv,
        .user = options->user,
        .stdout_to_stderr = options->target_stdout_to_stderr,
        .mask = &run.saved_mask,
        .child_action = &run.saved_child_action,
    };
    bool held;
    int r = run_open_signals(&run);

    message[0] = '\0';
    if (r == 0)
        r = launch_hold(&launch, &run.launch, message, size);
    held = r == 0;
    if (held)
        r = run_held(&run, command, ret_m, message, size);
    else
        explain_hold_failure(r, message, size);
    if (held && run.collector.released_ns == 0)
        launch_abort(&run.launch);
    launch_close(&run.launch);
    run_end_source(&run);
    collector_clear(&run.collector);
    run_close_signals(&run);
    return r;
}
