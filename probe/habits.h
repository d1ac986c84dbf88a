/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * habits: waits that look alike to the kernel, told apart by the Python function that waits.
 *
 * CPython before 3.13 joins a thread by acquiring a lock that the thread releases at its end, and a worker of
 * concurrent.futures without work waits on a lock inside its queue. Knows the functions of the standard library that
 * say so. Exact: a wait is renamed with all of its time, or not at all.
 */

#include <stdint.h>

struct collector;
struct record;
struct run_thread;
struct stack_table;

/* Waits renamed in a thread, which its account still has under the old kind: [kind it had][kind it is]. */
struct habit_sums {
    uint64_t ns[2][2];
    uint64_t count[2][2];
};

/* @return the kind (enum wait_kind) of a wait of that kind at that stack: mostly the same */
unsigned int habits_kind(const struct stack_table *stacks, uint32_t stack, unsigned int kind);

/* Rename the wait of a slice by its stack. */
void habits_take_wait(const struct stack_table *stacks, uint32_t stack, struct run_thread *thread,
                      struct record *slice);

/* Once the accounts are there: move what was renamed, in the accounts of the threads and in the sums over the dead. */
void habits_settle(struct collector *collector);
