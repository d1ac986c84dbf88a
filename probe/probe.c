/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/probe.h"

#include <limits.h>

#include "base/base.h"
#include "probe/helper_process.h"
#include "probe/helper_starter.h"
#include "probe/launch.h"
#include "probe/run.h"
#include "probe/user.h"

/* The command is looked for before anything is started, so that a typing error costs nothing. */
static int find_command(const struct probe_options *options, char **ret_command, char *message, size_t size)
{
    int r = launch_resolve(options->argv[0], ret_command);

    if (r == -ENOENT) {
        (void)snprintf(message, size, "%s: command not found. The target was not started.", options->argv[0]);
        return PROBE_NOT_FOUND;
    }
    if (r == -EACCES) {
        (void)snprintf(message, size, "%s: found, but it is not an executable file. The target was not started.",
                       options->argv[0]);
        return PROBE_NOT_EXECUTABLE;
    }
    if (r < 0)
        (void)snprintf(message, size, "%s: %s. The target was not started.", options->argv[0], strerror(-r));
    return r;
}

int probe_run(const struct probe_options *options, struct measurement **ret_m, char *message, size_t size)
{
    AUTO_FREE char *command = NULL;
    int r;

    if (options->pid > 0)
        return run_attached(options, ret_m, message, size);
    r = find_command(options, &command, message, size);
    if (r != 0)
        return r;
    return run_target(options, command, ret_m, message, size);
}

/* @param user  whom the target runs as */
static int become_user(const struct user *user, const char *helper_path, unsigned runs)
{
    struct user caller, root = {.name = "root"};
    char helper[PATH_MAX];
    int r = 0;

    if (geteuid() != 0)
        return 0;
    if (!user->change) /* root stays root; its files are the caller's all the same */
        return user_who_called(&caller) ? user_become(&root, &caller) : 0;
    /* Without a helper the probe says so itself, or finds another way. */
    if (helper_process_find(helper_path, helper, sizeof(helper)) == 0)
        r = helper_starter_begin(helper, runs);
    if (r == 0)
        r = user_become(user, user_who_called(&caller) ? &caller : &root);
    return r;
}

int probe_become_owner(pid_t pid, const char *helper_path, char *message, size_t size)
{
    struct user user;
    int r;

    user_of_process(pid, &user);
    r = become_user(&user, helper_path, 1);
    if (r < 0)
        (void)snprintf(message, size, "can't become user %u: %s. Nothing was measured.", user.uid, strerror(-r));
    return r;
}

int probe_become_user(const char *name, const char *helper_path, unsigned runs, char *message, size_t size)
{
    char reason[300] = "";
    struct user user;
    int r = user_of_target(name, &user, reason, sizeof(reason));

    if (r < 0) {
        (void)snprintf(message, size, "%s. The target was not started.", reason);
        return r;
    }
    r = become_user(&user, helper_path, runs);
    if (r < 0)
        (void)snprintf(message, size, "can't become user %u: %s. The target was not started.", user.uid, strerror(-r));
    return r;
}
