/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * cause: from what the kernel side saw (enum wait_kind) to what it means for the program (enum cause).
 *
 * A new cause starts here: a wait_kind in probe/bpf/abi.h, its rule in probe/bpf/cause.bpf.h, its row in this table.
 */

#include <stdbool.h>
#include <stdint.h>

#include "probe/measurement.h"

/* What the process's circumstances add. */
struct wait_context {
    bool interpreter_lock; /* the futex waited for is the interpreter lock */
    bool listens;          /* the process has a listening socket */
    bool connects;         /* it has had established outbound connections */
    bool own_waits;        /* waits of the runtime's threads for each other have kinds of their own (Ruby) */
    enum runtime_kind runtime;
};

/*
 * @param kind  enum wait_kind (probe/bpf/abi.h)
 * @return the cause; CAUSE_COUNT: not attributed
 */
enum cause cause_of_wait(unsigned int kind, const struct wait_context *context);

bool cause_is_epoll(unsigned int kind); /* waits in epoll_wait and its variants */
bool cause_is_poll(unsigned int kind);  /* these, and poll or select over several descriptors */
bool cause_is_futex(unsigned int kind);
bool cause_is_socket(unsigned int kind); /* a reason to look at the process's sockets */
