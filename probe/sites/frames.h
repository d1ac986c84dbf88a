/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * frames: the stack as its program's author would draw it, from the Python and the native half.
 *
 * Knows which native frames are the interpreter's own machinery, and which belong to the start of a program or a
 * thread. Works on named halves: call natives_name() first.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probe/sites/joins.h"

struct frame;
struct natives;
struct stack_table;

struct frame_table; /* opaque: merged stacks, each kept once */

/*
 * @param stacks, natives  borrowed; must outlive the table
 * @return NULL: no memory
 */
struct frame_table *frame_table_new(const struct stack_table *stacks, const struct natives *natives);
void frame_table_free(struct frame_table *table); /* NULL-safe */

/*
 * Merge the halves of a stack. Where there are Python frames, the native ones inside the innermost Python call come
 * first, without libc and the interpreter: `block_in_c (ext.c:12) < caller (x.py:7)`. Otherwise the native frames from
 * libc's leaf to main() or the thread's function.
 *
 * @param ret_index  equal stacks have one index; without frames: FRAMES_NONE
 * @return 0 or -ENOMEM
 */
int frame_table_merge(struct frame_table *table, struct join_stack stack, uint32_t *ret_index);
#define FRAMES_NONE 0u

/* Strings of the frames are borrowed; valid as long as the table and its sources. NULL: none. */
const struct frame *frame_table_frames(const struct frame_table *table, uint32_t index, size_t *ret_n);

/* Does anything on it have a name? */
bool frame_table_is_named(const struct frame_table *table, uint32_t index);

/* The same for stacks that differ in nothing but the line in the innermost function, where that is native code. */
uint64_t frame_table_function_hash(const struct frame_table *table, uint32_t index);

/*
 * A copy that the caller owns, frames_free() (measurement.h). Nothing for FRAMES_NONE.
 * @return 0 or -ENOMEM
 */
int frame_table_copy(const struct frame_table *table, uint32_t index, struct frame **ret_frames, size_t *ret_n);

/* Would the author of a Python program not call this frame his: of the interpreter, or of its own extensions? */
bool frames_is_interpreter(const char *function, const char *module, const char *executable);
