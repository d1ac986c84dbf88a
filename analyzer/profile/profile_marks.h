/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * profile_marks: places within a lane's time.
 *
 * A piece is CPU, then its wait; `start_ns` is where its CPU begins, start_ns + cpu_ns where its wait does. Knows how
 * to find a place and to split pieces there. Refuses to know what for.
 */

#include <stddef.h>
#include <stdint.h>

#include "analyzer/profile/profile_items.h"

/* A piece, seen in the order of time. */
struct piece_at {
    const struct piece *piece; /* NULL: beyond the last */
    uint64_t wait_ns;          /* when its wait begins */
    const struct piece *end;
};

/* The piece that runs or waits at `at_ns`, or the next one; O(log n). */
struct piece_at pieces_seek(const struct pieces *pieces, uint64_t at_ns);
struct piece_at pieces_next(const struct piece_at *at);

/* CPU time of the lane's life to wall time. */
struct pieces_clock {
    const struct pieces *pieces; /* NULL: not filled */
    uint64_t *cpu_ns;            /* used up at the end of each piece */
};

/* Does nothing where it is filled. @return 0 (pieces_clock_clear()) or -ENOMEM */
int pieces_clock_fill(struct pieces_clock *clock, const struct pieces *pieces);
void pieces_clock_clear(struct pieces_clock *clock); /* accepts a zeroed struct */

/* When the lane had used `cpu_ns`, at the latest before the wait that follows; O(log n). */
uint64_t pieces_clock_time(const struct pieces_clock *clock, uint64_t cpu_ns);

/* From here on. */
struct piece_mark {
    uint64_t at_ns;
    uint16_t lock;  /* held from here on, as in struct profile_step */
    bool ends_item; /* the CPU before ended an item; locks stay as they are */
};

/*
 * Split pieces at the marks, sorted by time and all of one kind: mutexes, or ends of items. A wait is never split: it
 * has the lock that holds when it begins.
 * @return 0 or -ENOMEM
 */
int pieces_apply_marks(struct pieces *pieces, const struct piece_mark *marks, size_t n);
