/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * status: end as the target ended.
 *
 * Knows exit statuses and signals (DESIGN 6). Refuses to know why.
 */

#include <stdbool.h>
#include <stdint.h>

struct measurement;

/* How concadvise should end after a run. */
struct status {
    int code;   /* exit status, when signal is 0 */
    int signal; /* die by this signal */
};

/*
 * The target's own end. A target that had to be stopped because `duration_ns` was over (0: no limit) counts as 0.
 */
struct status status_of_target(const struct measurement *m, uint64_t duration_ns);

bool status_is_success(const struct status *status);

/*
 * Die by the signal, without a core file of our own.
 * @return 128 + signal, should the signal not end us
 */
int status_end(const struct status *status);
