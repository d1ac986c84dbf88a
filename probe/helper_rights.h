/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * helper_rights: what concadvise-probe takes from its caller, whom it may trace, and how it gives up its rights.
 *
 * The caller is whoever started the helper, and may be hostile: a helper with file capabilities can be started by
 * everybody. Knows processes, users and capabilities; refuses to know BPF or anything that a target wrote.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Who a process is, as /proc/PID/status has it (proc_pid_status(5)). */
struct process_rights {
    pid_t parent;
    uid_t uid[4]; /* real, effective, saved, file system */
    gid_t gid[4];
    uint64_t permitted; /* capabilities, bit by number */
};

/* @param ret_rights  untouched unless 0. @return 0, -ESRCH (no such process) */
int helper_rights_read(pid_t pid, struct process_rights *ret_rights);

/*
 * May `caller` look into `target`? As ptrace(2) has it: the same user throughout, and no right that the caller lacks.
 * Besides, it must be the caller's child: a process that existed before is not to be had this way.
 *
 * @param uid      user of the helper itself: 0, or the caller's
 * @param message  why not, when not 0
 * @return 0, -EPERM
 */
int helper_rights_compare(uid_t uid, pid_t caller_pid, const struct process_rights *caller,
                          const struct process_rights *target, char *message, size_t size);

/* The same for a pid, and whoever started this process. @return 0, -EPERM, -ESRCH */
int helper_rights_check(pid_t target, char *message, size_t size);

/*
 * To be called first: leave behind what the caller may have prepared. Nobody may trace or dump us; the environment is
 * empty; no descriptor is open but the standard ones and `socket`, and that is a Unix stream socket; Ctrl-C and its
 * like, which are for the target, are ignored.
 *
 * @return 0, -EBADF (not such a socket), -errno
 */
int helper_rights_prepare(int socket);

/*
 * Give up everything that attaching needed, for good: every capability in every set, user 0 (for the target's user
 * or, where that is 0 as well, for nobody; kept where CAP_SETUID or CAP_SETGID is missing), new descriptors and new
 * processes. What is open stays open.
 *
 * The bounding set can be emptied only by who has CAP_SETPCAP; with no_new_privs it can't be drawn from any more.
 *
 * @return 0 or -errno
 */
int helper_rights_drop(const struct process_rights *target);
