/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * executor: is the program one event loop that hands its long calls to threads (asyncio.to_thread, run_in_executor)?
 *
 * Knows who works, who ends whose waits, and what the loop itself waits for. Refuses to cut work and to judge.
 */

#include <stddef.h>
#include <stdint.h>

struct event_loop;
struct measurement;
struct thread;

struct executor {
    const struct event_loop *loop; /* NULL: it is no such program, and nothing below is set */
    const struct thread *thread;   /* that runs the loop */
    uint32_t threads;              /* that work behind it */
    double waits_ns;               /* the loop's own waits, all of them together; 0: it has none, or nobody knows */
    double at_once;                /* of these, under way at once; >= 1, or 0 with waits_ns */
    uint64_t first_ns;             /* its first own wait began, its last one ended; both 0: it has none */
    uint64_t last_ns;
};

/*
 * The loop of asyncio or uvloop that does less than the threads it created, which wait for nothing but disks and work
 * to do, and end its waits. Other threads and processes do next to nothing.
 *
 * What was seen at the loop while it waited (connections, sleeps) tells how much waiting that was, else the most
 * connections that its process was seen with, else the connections that it opened: runs are often over before anybody
 * looks at the loop while it waits.
 */
void executor_find(const struct measurement *m, struct executor *ret_executor);
