/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * loops: which threads run an event loop, and what stalls them: one callback, or one step of a coroutine, that keeps
 * all other tasks of the loop waiting.
 *
 * Fed by the collector with waits, stacks and samples as they come, which is only nearly in order of time (every CPU's
 * ring is read in turn): they are kept for a moment and sorted. Refuses to judge, and to know what a loop is called.
 *
 * What a stall is, and what can be seen of it:
 * - asyncio, uvloop (the stack shows the coroutine): a wait inside a turn stalls the loop for as long as it lasts; CPU
 *   samples of one step (STEP below) with no wait of the selector between them make a stall from the first to the last.
 *   Both chain together. Callbacks that are no coroutines need far more samples in a row. A turn of the loop that finds
 * something to do at once does not wait, so nobody sees where it ends: steps of one coroutine that follow each other
 * without a rest can count as one. Of different ones never.
 * - libuv and plain epoll: a wait inside a turn, likewise. For computing there is no step to tell callbacks apart; what
 *   ends a callback is a system call at the latest (the selector's own). Samples that were never caught inside a system
 *   call, more in a row than chance explains, and without a read or write between them that the kernel counts (recv()
 *   and send() are not counted), are one callback.
 * What comes before the first wait of the selector, and after the last, is no turn. Stretches without work are never a
 * stall.
 */

#include <stdbool.h>
#include <stdint.h>

#include "probe/sites/stacks.h"

struct record;
struct run_thread;
struct loop_track; /* opaque; of one thread */

/* One descriptor's loop, or all that the stacks say of a thread's loop. Times in ns. */
struct loop_facts {
    bool asyncio;          /* stacks show turns of a Python loop */
    bool sampled;          /* there were samples with a stack: */
    double busy_share;     /* of these, inside a turn */
    uint64_t setup_cpu_ns; /* CPU before the first wait of the selector */
    uint64_t blocked_ns;   /* in waits inside turns, other than the selector's and those for the interpreter lock */
    uint64_t blocked_count;
    uint64_t nested_ns; /* waits on another epoll descriptor inside a turn (node's execSync); not in blocked_ns */
    uint64_t nested_count;
    uint64_t longest_stall_ns; /* waits on other descriptors left out */
    uint64_t stalls;           /* of EVENT_LOOP_STALL_NS and longer */
    uint64_t stall_ns;
    uint64_t callback_ns; /* mean of callbacks and steps, as samples tell them apart; 0: no samples */
    uint64_t longest_nested_ns;
    uint64_t nested_stalls;
    uint64_t nested_stall_ns;
    double timers_mean; /* scheduled while the selector waited, over its time; 0: none, or not known */
    double sleepers_mean;
    uint32_t timers_max;
};

void loops_free(struct loop_track *track); /* NULL-safe */

/* Any slice of a thread, as it comes; before loops_take_wait() for the same. Out of memory: less is seen. */
void loops_take_slice(struct run_thread *thread, const struct record *slice);

/*
 * A stack was taken as the wait of this slice began.
 * @param weight  waits it stands for, >= 1
 * @param step    STEP: address of the frame of the outermost coroutine in the turn; 0: none
 */
void loops_take_wait(struct run_thread *thread, const struct record *slice, enum stack_place place, uint64_t weight,
                     uint64_t step);

/*
 * How many timers an asyncio loop had scheduled during a wait of its selector.
 * @param ns        length of the waits that this one stands for
 * @param sleepers  of the timers, those that end an asyncio.sleep()
 */
void loops_take_timers(struct run_thread *thread, uint64_t ns, uint32_t timers, double sleepers);

/* A Python stack of a thread on a CPU. */
void loops_take_sample(struct run_thread *thread, uint64_t time, enum stack_place place, uint64_t step);

/*
 * A sample of a thread on a CPU that knows no Python.
 * @param in_call    it was inside a system call
 * @param transfers  read- and write-like calls of the thread so far, modulo 2^32; 0 where the kernel counts none
 */
void loops_take_native_sample(struct run_thread *thread, uint64_t time, bool in_call, uint32_t transfers);

/* When all has come, once. All zero but the set-up where the thread ran no loop. */
void loops_finish(const struct run_thread *thread, struct loop_facts *ret_facts);
