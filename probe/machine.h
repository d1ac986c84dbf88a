/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * machine: what the machine grants a process: CPUs by affinity and cgroup quota, memory, kernel and CPU name.
 *
 * Knows /proc and the cgroup file systems, versions 1 and 2. Refuses to judge; what is absent stays zero.
 */

#include <sys/types.h>

struct machine;

/*
 * @param root  folder that holds proc/ and sys/, for tests; NULL or "": the real ones. Affinity and the kernel's name
 *              are always those of this machine.
 * @param pid   the process whose limits count; 0: the calling one
 * @return 0 (fields that could not be read are 0 or empty; cpus and cpus_allowed are at least 1), -ESRCH (no such
 *         process), -ENOMEM
 */
int machine_read(const char *root, pid_t pid, struct machine *ret_machine);
