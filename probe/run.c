/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/run.h"

#include <signal.h>

#include "base/base.h"
#include "probe/probe.h"
#include "probe/procfs/sampler.h"
#include "probe/run_parts.h"

#define DEFAULT_SLICES 131072u

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
    r = run_follow(run);
    if (run->options->ret_interrupts)
        *run->options->ret_interrupts = (unsigned)run->interrupts;
    if (r < 0) {
        (void)snprintf(message, size, "the probe failed while the target was running (%s); the target goes on.",
                       r == -ECHILD ? "the helper ended" : strerror(-r));
        return r;
    }
    watch_end(&run->collector.state, run_clock(CLOCK_MONOTONIC));
    if (run->timed_out && !run->exited)
        (void)kill(run->launch.pid, SIGTERM);
    run_reap_root(run);
    r = run_measurement(run, command, run_clock(CLOCK_PROCESS_CPUTIME_ID) - cpu_before, ret_m);
    if (r < 0)
        (void)snprintf(message, size, "the measurement could not be put together: %s. The target has run.",
                       strerror(-r));
    return r;
}

static int run_held(struct run *run, const char *command, struct measurement **ret_m, char *message, size_t size)
{
    const struct probe_options *options = run->options;
    int r = run_start_source(run, message, size);

    if (r != 0)
        return r;
    r = collector_init(&run->collector, run->launch.pid, run->helper.socket,
                       options->max_slices ? options->max_slices : DEFAULT_SLICES);
    if (r < 0) {
        (void)snprintf(message, size, "out of memory. The target was not started.");
        return r;
    }
    return measure(run, command, ret_m, message, size);
}

int run_target(const struct probe_options *options, const char *command, struct measurement **ret_m, char *message,
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
    int r = run_open_signals(&run);

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
    run_end_source(&run);
    collector_clear(&run.collector);
    run_close_signals(&run);
    return r;
}
