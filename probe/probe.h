/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * probe: runs a target and fills a measurement.
 *
 * Knows how to launch, hold back, follow and read out. Refuses to judge, and never prints: messages go to the caller.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct live_view;
struct measurement;

enum probe_kind {
    PROBE_AUTO, /* bpf where it works, else procfs; never silently (probe_options.notice) */
    PROBE_BPF,
    PROBE_PROCFS,
};

/* What the status line shows while the target runs. */
struct probe_progress {
    uint64_t elapsed_ns;
    uint32_t live_threads;
    uint64_t on_cpu_ns;  /* so far, of all threads, */
    uint64_t blocked_ns; /* likewise; what is in progress included */
};

struct probe_options {
    enum probe_kind kind;
    char *const *argv;            /* command and arguments, NULL-terminated; borrowed */
    pid_t pid;                    /* measure this running process instead (argv and user do not count); 0: none */
    const char *user;             /* run the target as this user; NULL: the invoking user (SUDO_UID under sudo) */
    bool target_stdout_to_stderr; /* -f json without -o */
    uint64_t duration_ns;    /* stop measuring (and TERM the target, but not that of pid) after this; 0: at its end */
    bool sites;              /* take stacks */
    bool light;              /* totals alone, at half the cost; sites has no meaning then */
    const char *helper_path; /* concadvise-probe; NULL: beside this executable, then libexecdir */
    uint32_t max_slices;     /* slices kept in memory; 0: the default (131072) */
    uint32_t ring_records;   /* per-CPU ring size, a power of two; 0: the default. Tests force loss with a tiny one. */
    uint32_t max_threads;    /* live thread slots; 0: the default (16384) */
    /* Called with a line for people before the target starts: why another probe is taken than was hoped for. */
    void (*notice)(const char *text, void *userdata);
    /* Called twice a second from the probe's own loop, not in the first half second; NULL: none. */
    void (*progress)(const struct probe_progress *progress, void *userdata);
    /* The same, with where and by cause (probe/live_view.h, borrowed during the call): that is looked for only for it.
     */
    void (*live)(const struct live_view *view, void *userdata);
    void *userdata;
    /* Set to the number of signals (interrupt, terminate, ...) that came for us while the target ran; NULL: none. */
    unsigned *ret_interrupts;
};

/* How a run ended, from the caller's point of view. */
enum probe_outcome {
    PROBE_MEASURED = 0,       /* ret_m is filled; the target's status is in it */
    PROBE_NOT_FOUND = 1,      /* command not found: exit 127. Target not started. */
    PROBE_NOT_EXECUTABLE = 2, /* exists but could not be executed: exit 126. Target not started. */
    PROBE_UNAVAILABLE = 3,    /* this probe can't start here: exit 125. Target not started. */
};

/*
 * Where we are root under sudo, or for another user (-u): become the user whom the target runs as, for good. Only a
 * process that does nothing but start the helper stays root, and only until it has done so `runs` times. Who called
 * sudo, to whom files belong, stays within reach as the saved user id. Where we are not root, or nobody else is meant,
 * nothing happens. To be called once, before anything that a user names is opened.
 *
 * @param user         -u, or NULL
 * @param helper_path  as in struct probe_options
 * @param message      what happened, what to do; set when not 0. The target was not started.
 * @return 0 or -errno
 */
int probe_become_user(const char *user, const char *helper_path, unsigned runs, char *message, size_t size);

/* The same for a process that runs already: become its owner. Nothing was measured when not 0. */
int probe_become_owner(pid_t pid, const char *helper_path, char *message, size_t size);

/*
 * Launch options->argv held back, attach, release it, follow it to its end, read out.
 * SIGINT and SIGTERM received meanwhile are passed to the target; a second SIGINT ends the measurement at once.
 * With options->pid nothing is launched, and nothing ever sent to the target: the first signal ends the measurement.
 *
 * @param ret_m    owned by the caller; untouched unless PROBE_MEASURED
 * @param message  what happened, what was seen, what to do, whether the target was started; set unless PROBE_MEASURED
 * @param size     size of message
 * @return an enum probe_outcome, or -errno for a failure of our own (message is set then, too)
 */
int probe_run(const struct probe_options *options, struct measurement **ret_m, char *message, size_t size);

/* One line of `concadvise doctor`. */
struct probe_check {
    const char *name; /* static */
    bool ok;
    char detail[512]; /* what was seen, and what to do about it when not ok */
    bool needed_for_bpf;
};

/*
 * Look at what this machine can measure. Starts nothing of the user's; loads the probe once to see that it works.
 * @return number of checks written (at most `max`)
 */
size_t probe_doctor(const char *helper_path, struct probe_check *ret_checks, size_t max);

/* Whose frames get names, for people: "native code, CPython 3.6-3.13, ...". Cut to `size`; 160 is enough. */
void probe_stacks(char *ret_text, size_t size);

/* A library that measuring rests on, as it is found at run time. */
struct probe_library {
    const char *name; /* static */
    char version[32]; /* empty: not known */
};

/*
 * Asks the helper, the only one with libbpf, for that version; loads and measures nothing.
 * @return number of libraries written (at most `max`)
 */
size_t probe_libraries(const char *helper_path, struct probe_library *ret_libraries, size_t max);
