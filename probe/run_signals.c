/* SPDX-License-Identifier: BSD-2-Clause */
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>

#include "base/base.h"
#include "probe/run_parts.h"

int run_open_signals(struct run *run)
{
    sigset_t set;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGCHLD);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGHUP);
    (void)sigaddset(&set, SIGQUIT);
    /* Where SIGCHLD is ignored, the kernel reaps children before we could. */
    if (sigprocmask(SIG_BLOCK, &set, &run->saved_mask) < 0 ||
        sigaction(SIGCHLD, &(struct sigaction){.sa_handler = SIG_DFL}, &run->saved_child_action) < 0)
        return -errno;
    run->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return run->signals < 0 ? -errno : 0;
}

void run_close_signals(struct run *run)
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
    (void)sigaction(SIGCHLD, &run->saved_child_action, NULL);
}

static bool has_ended(struct run *run)
{
    struct pollfd process = {.fd = run->pidfd, .events = POLLIN};

    if (run->attached)
        return poll(&process, 1, 0) > 0;
    return run_reap(run, run->launch.pid, &run->status);
}

void run_reap_root(struct run *run)
{
    if (!run->exited && has_ended(run)) {
        run->exited = true;
        run->exited_ns = run_clock(CLOCK_MONOTONIC);
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
        run_reap_root(run);
        run_reap_orphans(run);
        return 0;
    }
    if (run->attached) { /* it is for us alone */
        run->interrupts++;
        return run_send_stop(run);
    }
    if (!run->exited && info->ssi_code != SI_KERNEL)
        (void)kill(run->launch.pid, number);
    if (++run->interrupts < 2)
        return 0;
    return run_send_stop(run);
}

int run_read_signals(struct run *run)
{
    struct signalfd_siginfo info;
    int r = 0;

    while (r == 0 && read(run->signals, &info, sizeof(info)) == (ssize_t)sizeof(info))
        r = take_signal(run, &info);
    return r;
}
