/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * native_costs: what processes, threads, messages and event loops cost on this machine.
 *
 * Knows how to measure each of them in some ten milliseconds. Refuses to know what the figures are for.
 */

#include <stdint.h>

struct native_costs {
    uint64_t process_start_ns;
    uint64_t thread_start_ns;
    uint64_t ipc_item_ns;      /* an item to a process and its result back, a few on the way */
    uint64_t ipc_byte_ps;      /* picoseconds that each byte of it adds */
    uint64_t loop_turn_ns;     /* CPU of the event loop around one wait */
    uint64_t thread_switch_ns; /* CPU of a thread around one wait */
};

/*
 * Take that much memory, once, and keep it: a fork copies the tables of all that is resident. Stops at 256 MiB, or
 * after a tenth of a second.
 */
void native_costs_take_memory(uint64_t bytes);

/* @return 0 or -errno */
int native_costs_measure(struct native_costs *ret_costs);
