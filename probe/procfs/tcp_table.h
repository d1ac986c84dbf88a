/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * tcp_table: the listening and connected TCP sockets of our own network namespace, remembered for a moment.
 *
 * For a list the kernel walks its whole table of connections, used or not. Looks at several processes that follow each
 * other share one. Takes 32 bytes a socket of the namespace. Refuses to know processes, and other network namespaces.
 */

#include <stddef.h>
#include <stdint.h>

#include "probe/procfs/tcp_diag.h"

/* For so long after it was made a list is used again: sockets younger than that may be missing. */
#define TCP_TABLE_FRESH_NS 2000000u

/* All zero: empty, ask the kernel first. tcp_table_clear() */
struct tcp_table {
    struct tcp_diag_socket *sockets; /* owned; without counts of segments */
    size_t n, capacity;
    uint64_t made_ns; /* CLOCK_MONOTONIC when the list was complete; 0: there is none */
    uint64_t lists;   /* how often the kernel was asked */
};

/*
 * Call `take` for every socket that is listening or connected, IPv4 and IPv6.
 *
 * @return 0, what `take` returned, -ENOMEM, or as tcp_diag_list() (then `take` was not called)
 */
int tcp_table_each(struct tcp_table *table, tcp_diag_fn take, void *userdata);

void tcp_table_clear(struct tcp_table *table);
