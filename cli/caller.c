/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/caller.h"

#include <unistd.h>

#include "base/base.h"

/* What fails here shows when a file is opened: nothing is gained by a failure, neither user has the other's rights. */
static void be(uid_t uid, gid_t gid)
{
    (void)!seteuid(uid);
    (void)!setegid(gid);
}

void caller_begin(void)
{
    uid_t real, effective, saved;
    gid_t real_group, effective_group, saved_group;

    if (getresuid(&real, &effective, &saved) < 0 || getresgid(&real_group, &effective_group, &saved_group) < 0)
        return;
    if (saved != effective)
        be(saved, saved_group);
}

void caller_end(void)
{
    if (geteuid() != getuid())
        be(getuid(), getgid());
}
