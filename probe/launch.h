/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * launch: starts the target held back, as the user it belongs to, and lets it go.
 *
 * Knows fork, exec, users and signals. The target inherits what it would without us: environment, standard streams,
 * signal dispositions and mask; no descriptor of ours, no privilege of ours.
 */

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct launch {
    pid_t pid;
    int go;      /* write end: release */
    int failure; /* read end: errno of a failed exec */
};

struct launch_options {
    char *const *argv; /* borrowed */
    const char *user;  /* NULL: SUDO_UID where we are root and it is set, else the caller */
    bool stdout_to_stderr;
    const sigset_t *mask; /* signal mask to give back to the target */
    /* What SIGCHLD did to us before; NULL: what it does now. Where it was ignored, so it is for the target. */
    const struct sigaction *child_action;
};

/*
 * Would exec find the command?
 *
 * @param ret_path  full path, owned by the caller; untouched unless 0
 * @return 0, -ENOENT (not found), -EACCES (found, but not an executable file)
 */
int launch_resolve(const char *command, char **ret_path);

/*
 * Fork the target; it stays asleep until launch_release(). On return it is asleep.
 *
 * @return 0, -errno, -EINVAL (no such user; message is set), -EPERM (not that user; message is set)
 */
int launch_hold(const struct launch_options *options, struct launch *ret_launch, char *message, size_t size);

/* Let it go and wait until exec has succeeded. @return 0, or -errno of exec (the child has ended and been reaped) */
int launch_release(struct launch *launch);

/* Kill and reap a target that was never released; close the descriptors. */
void launch_abort(struct launch *launch);
void launch_close(struct launch *launch); /* close the descriptors only */
