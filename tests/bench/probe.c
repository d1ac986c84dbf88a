/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * probe: runs a command under the probe alone, with or without stacks, and throws the measurement away: what the stacks
 * cost is the difference.
 *
 *   probe 0|1 COMMAND [ARGUMENT]...
 */

#include <stdio.h>
#include <string.h>

#include "probe/measurement.h"
#include "probe/probe.h"

int main(int argc, char **argv)
{
    struct probe_options options = {.kind = PROBE_BPF, .helper_path = HELPER_PATH};
    struct measurement *m = NULL;
    char message[512] = "";

    if (argc < 3)
        return 2;
    options.argv = argv + 2;
    options.sites = strcmp(argv[1], "1") == 0;
    if (probe_run(&options, &m, message, sizeof(message)) != PROBE_MEASURED) {
        (void)fprintf(stderr, "%s\n", message);
        return 1;
    }
    measurement_free(m);
    return 0;
}
