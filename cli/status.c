/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/status.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "base/base.h"
#include "probe/measurement.h"

struct status status_of_target(const struct measurement *m, uint64_t duration_ns)
{
    const struct target *target = &m->target;
    bool time_was_up = duration_ns > 0 && m->wall_ns >= duration_ns;

    if (target->attached) /* not our child: its status is its parent's to know */
        return (struct status){0};
    if (time_was_up && (!target->exited || target->signal == SIGTERM || target->signal == SIGKILL))
        return (struct status){0};
    /* Given up by a second Ctrl-C: the shell should see that. */
    if (!target->exited)
        return (struct status){.signal = SIGINT};
    if (target->signal)
        return (struct status){.signal = target->signal};
    return (struct status){.code = target->exit_status};
}

bool status_is_success(const struct status *status)
{
    return status->code == 0 && status->signal == 0;
}

int status_end(const struct status *status)
{
    static const struct rlimit no_core = {0, 0};
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigset_t set;

    if (status->signal == 0)
        return status->code;
    /* The target may have left a core; a second one, of ours, would only mislead. A core_pattern that pipes ignores
       the limit (core(5)), not the flag. */
    (void)setrlimit(RLIMIT_CORE, &no_core);
    (void)prctl(PR_SET_DUMPABLE, 0);
    (void)sigaction(status->signal, &action, NULL);
    (void)sigemptyset(&set);
    (void)sigaddset(&set, status->signal);
    (void)sigprocmask(SIG_UNBLOCK, &set, NULL);
    (void)raise(status->signal);
    return 128 + status->signal;
}
