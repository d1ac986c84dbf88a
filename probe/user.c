/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/user.h"

#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>

#include "base/base.h"
#include "base/parse.h"

static void take_entry(const struct passwd *entry, struct user *user)
{
    user->uid = entry->pw_uid;
    user->gid = entry->pw_gid;
    (void)snprintf(user->name, sizeof(user->name), "%s", entry->pw_name);
}

bool user_who_called(struct user *ret_user)
{
    const char *uid_text = getenv("SUDO_UID"), *gid_text = getenv("SUDO_GID");
    struct user user = {.change = true};
    const struct passwd *entry;
    uint64_t uid, gid;

    if (geteuid() != 0 || !uid_text || parse_u64(uid_text, 1, UINT32_MAX - 1, &uid) < 0)
        return false;
    user.uid = (uid_t)uid;
    user.gid = (gid_t)uid;
    entry = getpwuid((uid_t)uid);
    if (entry)
        take_entry(entry, &user);
    if (gid_text && parse_u64(gid_text, 0, UINT32_MAX - 1, &gid) == 0)
        user.gid = (gid_t)gid;
    *ret_user = user;
    return true;
}

int user_of_target(const char *name, struct user *ret_user, char *message, size_t size)
{
    struct user user = {0};
    const struct passwd *entry;

    if (!name) {
        if (!user_who_called(ret_user))
            *ret_user = user;
        return 0;
    }
    entry = getpwnam(name);
    if (!entry) {
        (void)snprintf(message, size, "no such user: %s", name);
        return -EINVAL;
    }
    take_entry(entry, &user);
    user.change = user.uid != getuid() || user.uid != geteuid();
    *ret_user = user;
    return 0;
}

void user_of_process(pid_t pid, struct user *ret_user)
{
    const struct passwd *entry;
    struct user user = {0};
    char path[32];
    struct stat st;

    (void)snprintf(path, sizeof(path), "/proc/%d", (int)pid);
    if (stat(path, &st) == 0 && st.st_uid != 0) {
        user = (struct user){.uid = st.st_uid, .gid = st.st_gid};
        entry = getpwuid(st.st_uid);
        if (entry)
            take_entry(entry, &user);
        user.change = user.uid != getuid() || user.uid != geteuid();
    }
    *ret_user = user;
}

int user_become(const struct user *user, const struct user *saved)
{
    const struct user *kept = saved ? saved : user;

    if (user->name[0] ? initgroups(user->name, user->gid) < 0 : setgroups(0, NULL) < 0)
        return -errno;
    if (setresgid(user->gid, user->gid, kept->gid) < 0 || setresuid(user->uid, user->uid, kept->uid) < 0)
        return -errno;
    return 0;
}

int user_settle(void)
{
    const gid_t same_gid = (gid_t)-1;
    const uid_t same_uid = (uid_t)-1;

    if (setresgid(same_gid, same_gid, getegid()) < 0 || setresuid(same_uid, same_uid, geteuid()) < 0)
        return -errno;
    return 0;
}
