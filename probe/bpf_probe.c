/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/bpf_probe.h"

#include <signal.h>

#include "base/base.h"
#include "probe/helper_process.h"
#include "probe/launch.h"

int bpf_probe_try(const char *helper_path, enum sampling *ret_sampling, char *message, size_t size)
{
    static char *const argv[] = {(char *)"true", NULL};
    struct helper_process helper = {-1, -1};
    struct launch launch = {-1, -1, -1};
    sigset_t mask;
    struct launch_options options = {.argv = argv, .mask = &mask};
    int sampling, r;

    (void)sigprocmask(SIG_SETMASK, NULL, &mask);
    message[0] = '\0';
    r = launch_hold(&options, &launch, message, size);
    if (r < 0)
        return r;
    r = helper_process_start(helper_path, launch.pid, 0, 0, true, false, &helper, &sampling, message, size);
    if (r == 0) {
        (void)snprintf(message, size, "BPF programs load and attach");
        *ret_sampling = (enum sampling)sampling;
    }
    launch_abort(&launch);
    helper_process_end(&helper);
    return r;
}
