/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * habits: waits that look alike to the kernel, told apart by the Python function that waits.
 *
 * CPython before 3.13 joins a thread by acquiring a lock that the thread releases at its end, and a worker of
 * concurrent.futures without work waits on a lock inside its queue. Knows the functions of the standard library that
 * say so. Exact: a wait is renamed with all of its time, or not at all. One that has no stack of its own is what the
 * last one on the same futex was.
 */

#include <stdint.h>

struct collector;
struct record;
struct run_process;
struct run_thread;
struct stack_table;

/* Waits renamed in a thread, which its account still has under the old kind: [kind it had][kind it is]. */
struct habit_sums {
    uint64_t ns[2][2];
    uint64_t count[2][2];
};

/* @return the kind (enum wait_kind) of a wait of that kind at that stack: mostly the same */
unsigned int habits_kind(const struct stack_table *stacks, uint32_t stack, unsigned int kind);

/* What the last waits with a stack on a futex of a process were. A ring: the oldest is forgotten. */
#define HABIT_PLACES 32
struct habit_places {
    uint32_t address[HABIT_PLACES]; /* bits 0-31 of the futex; 0: none */
    uint8_t kind[HABIT_PLACES];     /* enum wait_kind */
    uint32_t next;
};

/*
 * Rename the wait of a slice by its stack, or by its futex.
 * @param stack    JOIN_NONE (joins.h): none was taken
 * @param process  of the thread; NULL: not known
 */
void habits_take_wait(const struct stack_table *stacks, uint32_t stack, struct run_process *process,
                      struct run_thread *thread, struct record *slice);

/* Once the accounts are there: move what was renamed, in the accounts of the threads and in the sums over the dead. */
void habits_settle(struct collector *collector);
