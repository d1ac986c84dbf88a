/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * helper_process: finds, starts and ends concadvise-probe, the privileged helper.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "probe/wire.h"

struct helper_process {
    pid_t pid;
    int socket; /* wire.h */
};

/*
 * Where is concadvise-probe?
 *
 * @param path      see helper_process_start()
 * @param ret_path  where it is or, when not 0, where it was looked for last
 * @return 0, -ENOENT or -EACCES
 */
int helper_process_find(const char *path, char *ret_path, size_t size);

/*
 * Start it for the held `target`, or for one that is `running`, and wait until it is attached.
 *
 * @param path          concadvise-probe; NULL: beside this executable, in ../probe (build tree), or the libexec folder
 * @param detail        how much is measured (wire.h)
 * @param ret_sampling  whether on-CPU samples are taken
 * @param message       why it can't run, when not 0
 * @return 0, -ENOENT (no helper found), -EPERM or other -errno (the helper could not start the probe)
 */
int helper_process_start(const char *path, pid_t target, uint32_t ring_records, uint32_t max_threads,
                         enum wire_detail detail, bool running, struct helper_process *ret_helper, int *ret_sampling,
                         char *message, size_t size);

/* Close the socket, which ends the helper, and reap it. NULL-safe fields: pid <= 0 and socket < 0 are skipped. */
void helper_process_end(struct helper_process *helper);
