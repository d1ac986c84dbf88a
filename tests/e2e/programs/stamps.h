/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * stamps: what the programs under test say of themselves: when each of their threads and processes began and ended, by
 * clocks of their own, in a shared file that tests/e2e/stamps.py reads. Knows nothing of concadvise.
 *
 * A life is stamped twice: from inside, as its first and last act, and from outside, by whoever makes it and waits for
 * its end. The truth lies between the two, whatever the scheduler does, so a test need not trust any length of time.
 */

#include <stdint.h>

#define STAMPS_MAX 65536u

/* CLOCK_MONOTONIC nanoseconds; 0: not stamped. */
struct stamp {
    uint64_t outer_begin; /* before it was made */
    uint64_t inner_begin;
    uint64_t inner_end;
    uint64_t outer_end; /* after it was seen to be gone */
    uint64_t cpu_ns;    /* CLOCK_THREAD_CPUTIME_ID as its last act; at exec for what it had used until then */
    uint64_t extra_ns;  /* what the mode is about: time asleep, or stopped */
    uint32_t tid;
    uint32_t pid;
    char what[8]; /* NUL-padded */
};

uint64_t stamps_now(void);

/* Map the file, made when missing; ends the program when that fails. */
void stamps_open(const char *path);

/* The next free stamp, outer_begin set; ends the program when there is none. Safe from any thread or process. */
struct stamp *stamps_claim(const char *what);

uint32_t stamps_index(const struct stamp *stamp);
struct stamp *stamps_at(uint32_t index);

/* By the life itself: first act and last act. */
void stamps_begin(struct stamp *stamp);
void stamps_end(struct stamp *stamp);

/* By the other: it is gone. */
void stamps_gone(struct stamp *stamp);
