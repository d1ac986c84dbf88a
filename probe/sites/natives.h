/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * natives: native stacks, raw while the target runs; unwound and named once it has ended, off its path.
 *
 * Keeps one copy of each distinct stack, at most NATIVES_MAX and NATIVES_BYTES of them: where there are more, those
 * seen least often go. Refuses to know Python frames (stacks.h) and what a stack was taken for (joins.h, tally.h).
 */

#include <stddef.h>
#include <stdint.h>

struct frame;
struct run_space;
struct wire_native;

struct natives; /* opaque */

#define NATIVES_MAX 4096u
#define NATIVES_BYTES (32u << 20)
#define NATIVES_BUDGET_NS UINT64_C(2000000000) /* for naming */

struct natives *natives_new(void);          /* NULL: no memory */
void natives_free(struct natives *natives); /* NULL-safe */

/*
 * Take in a stack of a process with these mappings.
 *
 * @param space      borrowed; must outlive the natives
 * @param ret_index  equal stacks have one index
 * @return 0, -EBADMSG (its sizes make no sense), -ENOBUFS (too many), -ENOMEM
 */
int natives_add(struct natives *natives, const struct run_space *space, const struct wire_native *native,
                uint32_t *ret_index);

/* Say how much depends on a stack: natives_name() begins with those that matter most. */
void natives_weigh(struct natives *natives, uint32_t index, double weight);

/*
 * Unwind and name what was kept and has a weight, within a budget of time.
 * @return 0 or -ENOMEM
 */
int natives_name(struct natives *natives, uint64_t budget_ns);

/*
 * The frames of a stack, innermost first; borrowed. Without file-less addresses outside of any mapping, and "?" only
 * where the module is known.
 * @return how many; 0: not kept, not named, or no budget left for it
 */
size_t natives_depth(const struct natives *natives, uint32_t index);
const struct frame *natives_frame(const struct natives *natives, uint32_t index, size_t depth);

/* A stack as it came, until natives_name(). NULL: no such stack, or its copy was dropped */
const struct wire_native *natives_raw(const struct natives *natives, uint32_t index);

/* @return the mappings that a stack belongs to; NULL: no such stack */
const struct run_space *natives_space(const struct natives *natives, uint32_t index);

/* After natives_name(): distinct stacks that came, those dropped for want of room, those left for want of time. */
struct natives_counts {
    uint64_t distinct, dropped, unnamed;
    uint64_t spent_ns; /* naming took */
};
void natives_count(const struct natives *natives, struct natives_counts *ret_counts);
