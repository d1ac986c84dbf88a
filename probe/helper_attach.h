/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * helper_attach: may the caller of concadvise-probe have a running process measured (-p)?
 *
 * BPF itself makes no such check. The kernel's own for looking into a process is asked instead: reading the link
 * /proc/PID/exe needs PTRACE_MODE_READ_FSCREDS (ptrace(2), proc_pid_exe(5)): the same user, no program that gained
 * rights, nothing that made itself undumpable. Refuses to know BPF.
 */

#include <stddef.h>
#include <sys/types.h>

/*
 * Ask it as the caller would: by a child that has the caller's real user and group and none of our capabilities.
 * Whoever runs the helper as user 0 (sudo) keeps what it has.
 *
 * @param ret_pidfd  pidfd_open(2) of the process, made before it was asked: helper_attach_is_there() tells later
 *                   whether the number meant the same process all the time; closed by the caller
 * @param message    why not, when not 0
 * @return 0, -ESRCH, -EPERM, other -errno
 */
int helper_attach_check(pid_t pid, int *ret_pidfd, char *message, size_t size);

/* Has the process not ended? @return 0, -ESRCH (message is set) */
int helper_attach_is_there(int pidfd, char *message, size_t size);
