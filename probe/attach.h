/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * attach: a running process that is to be measured (-p), as /proc shows it, and whether it can be.
 *
 * Looks only: nothing is sent to the process, nothing in it is changed. The kernel's own checks are the helper's
 * (helper_attach.h); here they become sentences.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct attach {
    pid_t pid;
    int pidfd;   /* readable when it has ended (pidfd_open(2)) */
    char **argv; /* as it shows them, NULL-terminated, at least one; raw bytes */
    uint64_t age_ns;
    char *exe; /* /proc/PID/exe; where it is in another mount namespace, its path there */
};

/*
 * @param ret_attach  owned by the caller: attach_close(); untouched unless 0
 * @param message     why it can't be measured, and what to do, when not 0
 * @return 0, -ESRCH (no such process, or it has ended), -EPERM, -EINVAL (a thread, a kernel thread, ourselves or a
 *         process that we descend from), -ENOMEM
 */
int attach_open(pid_t pid, struct attach *ret_attach, char *message, size_t size);
void attach_close(struct attach *attach); /* accepts a zeroed one */
