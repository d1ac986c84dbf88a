/* SPDX-License-Identifier: BSD-2-Clause */
#include <poll.h>

#include "base/base.h"
#include "probe/follow/live.h"
#include "probe/live_view.h"
#include "probe/probe.h"
#include "probe/run_parts.h"

#define TICK_SOON_MS 5 /* while a process's image is still to be found */
#define TICK_MS 100
#define PROGRESS_INTERVAL_NS (500 * NSEC_PER_MSEC)
#define OUTLIVE_NS (2 * NSEC_PER_SEC) /* how long descendants may outlive the program before we stop looking */

uint64_t run_clock(clockid_t clock)
{
    struct timespec now;

    (void)clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * NSEC_PER_SEC + (uint64_t)now.tv_nsec;
}

int run_send_stop(struct run *run)
{
    if (run->stop_sent)
        return 0;
    run->stop_sent = true;
    return wire_send(run->helper.socket, WIRE_STOP, NULL, 0);
}

/* The helper is asked; never waited for: it may be waiting for us to read. */
static void ask_for_view(struct run *run, uint64_t now)
{
    uint32_t waits;

    if (!run->collector.live || run->stop_sent || now < run->next_progress || !wire_has_room(run->helper.socket))
        return;
    /* What is over in a moment needs no telling. */
    if (run->next_progress) {
        waits = live_waits(run->collector.live);
        (void)wire_send(run->helper.socket, WIRE_LOOK, &waits, sizeof(waits));
    }
    run->next_progress = now + PROGRESS_INTERVAL_NS;
}

static void tell_progress(const struct run *run, const struct live_view *view)
{
    struct probe_progress progress = {.elapsed_ns = view->elapsed_ns, .live_threads = view->threads};

    for (size_t i = 0; i < LIVE_STATES; i++) {
        if (view->states[i].kind == LIVE_ON_CPU)
            progress.on_cpu_ns += view->states[i].time_ns;
        else if (view->states[i].kind != LIVE_RUNNABLE)
            progress.blocked_ns += view->states[i].time_ns;
    }
    run->options->progress(&progress, run->options->userdata);
}

static void report_progress(struct run *run, uint64_t now)
{
    struct live_view view;

    ask_for_view(run, now);
    if (!run->collector.live || !live_next_view(run->collector.live, &run->collector, &view))
        return;
    if (run->options->progress)
        tell_progress(run, &view);
    if (run->options->live)
        run->options->live(&view, run->options->userdata);
}

/* When to stop reading: everyone has ended, descendants linger too long, or the time is up. */
static int check_end(struct run *run, uint64_t now)
{
    uint64_t limit = run->options->duration_ns;

    if (run->stop_sent)
        return 0;
    if (limit && now - run->collector.released_ns >= limit) {
        run->timed_out = true;
        return run_send_stop(run);
    }
    if (!run->exited)
        return 0;
    /* Only news from after its end says who else is left: a process may have outlived its first thread. */
    if (run->collector.status.now_ns > run->exited_ns && run->collector.status.live_threads == 0)
        return run_send_stop(run);
    if (!limit && now - run->exited_ns >= OUTLIVE_NS) {
        run->outlived = true;
        return run_send_stop(run);
    }
    return 0;
}

void run_look_at_machine(struct run *run, uint64_t now)
{
    if (run->exited || now < run->next_machine)
        return;
    (void)machine_read(NULL, run->launch.pid, &run->machine);
    run->next_machine = now ? now + NSEC_PER_SEC : 1;
}

int run_follow(struct run *run)
{
    AUTO_FREE void *payload = NULL;
    struct pollfd sources[] = {
        {.fd = run->helper.socket, .events = POLLIN},
        {.fd = run->signals, .events = POLLIN},
        {.fd = run->pidfd, .events = POLLIN},
    };
    size_t capacity = 0;
    int r = 0;

    while (r == 0 && !run->collector.finished) {
        bool soon = run->collector.state.next_look != UINT64_MAX;
        uint64_t now;

        if (poll(sources, ARRAY_SIZE(sources), soon ? TICK_SOON_MS : TICK_MS) < 0 && errno != EINTR)
            return -errno;
        if (sources[1].revents)
            r = run_read_signals(run);
        if (sources[2].revents) {
            run_reap_root(run);
            sources[2].fd = -1;
        }
        if (r == 0 && sources[0].revents) {
            struct wire_header header;

            r = wire_receive(run->helper.socket, &header, &payload, &capacity);
            if (r == 0)
                return -ECHILD;
            if (r > 0)
                r = collector_feed(&run->collector, &header, payload);
        }
        now = run_clock(CLOCK_MONOTONIC);
        if (r == 0 && !run->stop_sent)
            collector_tick(&run->collector, now);
        if (r == 0)
            r = check_end(run, now);
        run_look_at_machine(run, now);
        report_progress(run, now);
    }
    return r;
}
