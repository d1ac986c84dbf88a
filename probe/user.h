/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * user: whom the target runs as, and becoming that user.
 *
 * Knows sudo's variables, the password file and the kernel's user ids. Starts and opens nothing.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct user {
    bool change; /* false: we are whom it runs as; the rest is 0 */
    uid_t uid;
    gid_t gid;
    char name[256]; /* for the supplementary groups; empty: none */
};

/*
 * Whom does the target run as?
 *
 * @param name  -u; NULL: who called sudo (SUDO_UID, where we are root), else as we are
 * @return 0, -EINVAL (no such user; message is set)
 */
int user_of_target(const char *name, struct user *ret_user, char *message, size_t size);

/* Whom does a running process belong to? Where its files in /proc are root's (it can't be dumped, or is gone): to us.
 */
void user_of_process(pid_t pid, struct user *ret_user);

/*
 * Who called us, to whom files belong: where we are root under sudo, who called it; else as we are.
 *
 * @return whether that is somebody else than we are
 */
bool user_who_called(struct user *ret_user);

/*
 * Become `user` with its groups; root's rights are gone afterwards.
 *
 * @param saved  NULL: for good. Else its ids stay within reach as saved ids, and so do its rights.
 * @return 0 or -errno
 */
int user_become(const struct user *user, const struct user *saved);

/* Let go of saved ids, as exec would (credentials(7)). @return 0 or -errno */
int user_settle(void);
