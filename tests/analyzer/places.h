/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * places: stacks, holders of locks, peers and memory of synthetic measurements, beside what builder makes. Failures to
 * allocate end the test program.
 */

#include "builder.h"

/* "fetch app.py:20", "read /usr/lib/python3.11/socket.py:705", "recv libc.so.6"; '*' before the name: a coroutine. */
struct place_frames {
    const char *frames[12]; /* innermost first; ends with NULL */
};

/* A site with that stack. @return it, until the next one is made */
struct site *place_site(struct measurement *m, bool on_cpu, enum cause cause, uint64_t time_ns, bool in_loop,
                        const struct place_frames *stack);

/* Forget all sites. */
void place_no_sites(struct measurement *m);

/* A holder of a lock: the same in m->holders. */
struct site *place_holder(struct measurement *m, enum cause cause, uint64_t time_ns, int32_t tid,
                          const struct place_frames *stack);

/* Who ended waits. */
void place_waker(struct measurement *m, enum cause cause, int32_t waiter_tid, int32_t waker_tid, uint64_t time_ns,
                 uint64_t count, const struct place_frames *waker);

/* A futex that threads queued on. */
void place_lock(struct measurement *m, enum cause cause, uint64_t address, uint64_t wait_ns, uint32_t waiters);

/* A peer; connects spread evenly over the run. */
struct peer *place_peer(struct measurement *m, int32_t pid, const char *address, uint64_t connects,
                        uint64_t established, uint64_t handshake_ns, const struct place_frames *stack);

/* A look at the memory of the process with that index. */
void place_memory(struct measurement *m, size_t process, uint64_t at_ns, uint64_t rss_bytes, uint64_t private_bytes);
