/* SPDX-License-Identifier: BSD-2-Clause */
#include <poll.h>

#include "base/base.h"
#include "probe/attach.h"
#include "probe/probe.h"
#include "probe/run.h"
#include "probe/run_parts.h"

static int measure_attached(struct run *run, const struct attach *attach, struct measurement **ret_m, char *message,
                            size_t size)
{
    uint64_t cpu_before = run_clock(CLOCK_PROCESS_CPUTIME_ID);
    int r = run_start_source(run, message, size);

    if (r != 0)
        return r;
    r = run_collect(run);
    if (r < 0) {
        (void)snprintf(message, size, "out of memory. Nothing was measured; the process was left alone.");
        return r;
    }
    run->collector.samples_user_code = run->sampling == SAMPLING_TICKS;
    run_look_at_machine(run, 0);
    run->collector.released_ns = run_clock(CLOCK_MONOTONIC); /* until the helper says when it was */
    return run_to_the_end(run, attach->exe, cpu_before, ret_m, message, size);
}

int run_attached(const struct probe_options *options, struct measurement **ret_m, char *message, size_t size)
{
    CLEANUP(attach_close) struct attach attach = {.pidfd = -1};
    struct probe_options own = *options;
    struct run run = {.options = &own, .launch = {-1, -1, -1}, .helper = {-1, -1}, .signals = -1, .pidfd = -1};
    int r;

    message[0] = '\0';
    r = attach_open(options->pid, &attach, message, size);
    if (r < 0)
        return r == -ENOMEM ? r : PROBE_UNAVAILABLE;
    own.argv = attach.argv;
    run.launch.pid = attach.pid;
    run.pidfd = attach.pidfd;
    run.attached = true;
    run.age_ns = attach.age_ns;
    r = run_open_signals(&run);
    if (r == 0)
        r = measure_attached(&run, &attach, ret_m, message, size);
    run_end_source(&run);
    collector_clear(&run.collector);
    run_close_signals(&run);
    return r;
}
