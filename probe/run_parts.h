/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * run_parts: one run while it is going on, as the files run*.c share it. Refuses to be known by anybody else.
 *
 * run.c is the order of things, and run_attach.c where the target runs already; run_signals.c takes signals,
 * run_follow.c reads until the end, run_measurement.c makes the measurement of it.
 */

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "probe/follow/collector.h"
#include "probe/helper_process.h"
#include "probe/launch.h"
#include "probe/machine.h"
#include "probe/measurement.h"
#include "probe/wire.h"

struct probe_options;
struct sampler;

struct run {
    const struct probe_options *options;
    struct launch launch;
    struct helper_process helper;
    struct sampler *sampler; /* NULL: the helper measures; else this does, at helper.socket (run_source.c) */
    struct collector collector;
    sigset_t saved_mask;
    struct sigaction saved_child_action;
    int signals;
    bool attached;   /* -p: no child of ours */
    int pidfd;       /* readable when it has ended; -1: our child */
    uint64_t age_ns; /* -p: of the process when measuring began */
    bool exited;     /* the root has been reaped, or seen to have ended */
    int status;      /* of waitpid() */
    uint64_t exited_ns;
    bool stop_sent;
    int interrupts;
    uint64_t next_progress;
    enum sampling sampling;
    bool outlived;
    bool timed_out;
    struct machine machine; /* as last seen by the root: it may change its own affinity */
    uint64_t next_machine;
};

uint64_t run_clock(clockid_t clock); /* ns */

/* Signals arrive as reads while a run goes on; the target gets the mask we were started with. @return 0 or -errno */
int run_open_signals(struct run *run);
void run_close_signals(struct run *run);
/* Act on those that have come. @return 0 or -errno */
int run_read_signals(struct run *run);

/*
 * Start who measures: the privileged helper, or, where that is wanted or it can't start (PROBE_AUTO), the sampler.
 * @return 0, PROBE_UNAVAILABLE (message is set), -errno
 */
int run_start_source(struct run *run, char *message, size_t size);
void run_end_source(struct run *run);
/* Reap that child if it has ended; the sampler looks at it before. @return whether it had */
bool run_reap(struct run *run, pid_t pid, int *ret_status);
/* Reap what came to us when its parent ended. */
void run_reap_orphans(struct run *run);

/* Has the target ended? Takes its status if so. */
void run_reap_root(struct run *run);

/* Detach, and have the rest sent. Once. @return 0 or -errno */
int run_send_stop(struct run *run);

/* Remember the machine as the target sees it, at most once a second; `now` 0: in any case. */
void run_look_at_machine(struct run *run, uint64_t now);

/* What the options ask the helper to measure. */
enum wire_detail run_detail(const struct probe_options *options);

/* The collector for the run's helper and target. @return 0 or -ENOMEM */
int run_collect(struct run *run);

/*
 * Probe and target are going: follow them, make the measurement. As probe_run().
 *
 * @param cpu_before  CPU time that this process had used when measuring began, ns
 */
int run_to_the_end(struct run *run, const char *command, uint64_t cpu_before, struct measurement **ret_m, char *message,
                   size_t size);

/* Read what the helper sends until its last message. @return 0, -ECHILD (the helper is gone), -errno */
int run_follow(struct run *run);

/*
 * @param command     resolved path of the target
 * @param own_cpu_ns  CPU time that measuring took in this process
 * @param ret_m       owned by the caller; untouched on failure
 * @return 0, -ENOMEM, -EPROTO
 */
int run_measurement(struct run *run, const char *command, uint64_t own_cpu_ns, struct measurement **ret_m);
