/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * helper_starter: what stays root under sudo, so that nothing else has to.
 *
 * A process that does one thing: on request it starts concadvise-probe, a given number of times, for its parent. What
 * is started, and how often, is settled before the parent gives up root; a request carries numbers and a socket. It
 * reads nothing that a target wrote, and ends with its parent.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Arguments of concadvise-probe, as numbers. */
struct helper_request {
    int32_t target; /* pid */
    uint32_t ring_records;
    uint32_t max_threads;
    uint32_t detail;  /* enum wire_detail */
    uint32_t running; /* 0 or 1 */
};

/*
 * Replace this process by the helper at `path`. Never returns; where it can't be executed, the other end of the socket
 * is told why (WIRE_FAILED). The helper's environment is empty but for CONCADVISE_PROBE_DEBUG.
 */
void __attribute__((noreturn)) helper_starter_exec(const char *path, int socket, const struct helper_request *request);

/*
 * Start the starter, while we are root. One at a time: it stands in for this process's user id.
 *
 * @param path  of concadvise-probe
 * @param uses  how often it may be started
 * @return 0 or -errno
 */
int helper_starter_begin(const char *path, unsigned uses);

/* Is there a starter to ask? */
bool helper_starter_is_there(void);

/*
 * Have the helper started, as a child of this process.
 *
 * @param socket  for the helper; stays ours
 * @return its pid, or -errno (-EPIPE: the starter is gone)
 */
pid_t helper_starter_ask(int socket, const struct helper_request *request);
