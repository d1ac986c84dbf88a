/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/probe.h"

#include "base/base.h"
#include "probe/launch.h"
#include "probe/run.h"

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

    r = find_command(options, &command, message, size);
    if (r != 0)
        return r;
    return run_target(options, command, ret_m, message, size);
}
