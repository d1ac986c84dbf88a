/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * live_names: names for a few native stacks while the run goes on.
 *
 * Reading symbols takes milliseconds, of large programs seconds: the loop that follows the run can't wait for it, or
 * the rings run over. So a thread does it, with lowered priority, one stack after the other, on copies of all that it
 * needs: nothing is shared with what the measurement is made of, which names its stacks at the end (natives.h).
 */

#include <stddef.h>
#include <stdint.h>

struct frame;
struct live_names; /* opaque */
struct natives;

#define LIVE_NAMES_AHEAD 4u /* asked for at a time; what finds no room asks again */
#define LIVE_NAMES_KEPT 64u /* the oldest go first */

struct live_names *live_names_new(void); /* NULL: no memory, or no thread */

/* Waits for the stack that is being named. NULL-safe. */
void live_names_free(struct live_names *names);

/* Take in what has been named since. Frames handed out before may be gone after this. NULL names: nothing. */
void live_names_collect(struct live_names *names);

/*
 * The frames of a native stack, innermost first; asks for them where they are not known. NULL names: none.
 * @param ret_frames  borrowed until live_names_collect(); untouched where there are none
 * @return how many; 0: not known (yet)
 */
size_t live_names_of(struct live_names *names, const struct natives *natives, uint32_t index,
                     const struct frame **ret_frames);
