/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * stacks: names the Python frames the kernel side delivers.
 *
 * Knows code objects (read once each from the live process) and what an asyncio turn looks like. Reads the target's
 * memory as the target's user; treats it as untrusted. Refuses to know what a stack was taken for: see joins.h and
 * tally.h.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct image;
struct stack_record;

struct stack_table; /* opaque */

/* What a stack says about an event loop. */
enum stack_place {
    STACK_OUTSIDE_LOOP,
    STACK_IN_SELECTOR,  /* asyncio's own wait for events */
    STACK_IN_TURN,      /* a callback or coroutine run by asyncio's loop */
    STACK_IN_COROUTINE, /* a coroutine that nothing of asyncio's runs: a turn of uvloop's, where that is at work */
};

struct stack_frame {
    const char *function; /* never NULL */
    const char *file;     /* or NULL */
    uint32_t line;
    bool coroutine;
};

/* Frames of plain functions come to lie at the same address again and again; all addresses are even. */
#define STACK_STEP_PLAIN 1u

#define STACKS_MAX 65536u /* distinct ones; what comes after is not named */

struct stack_table *stack_table_new(void);        /* NULL: no memory */
void stack_table_free(struct stack_table *table); /* NULL-safe */

/* Did the kernel refuse to let us read a process's memory, so that code objects have no names? */
bool stack_table_was_refused(const struct stack_table *table);

/*
 * Take in a record of a process with this image.
 *
 * @param ret_stack  index of the stack; equal stacks have one index
 * @param ret_step   address of the frame of the outermost coroutine; within a turn of asyncio without one: of the
 * outermost frame inside the turn, plus STACK_STEP_PLAIN; else 0
 * @return 0, -ENOMEM, -ESRCH (no frame could be named), -ENOBUFS (too many)
 */
int stack_table_add(struct stack_table *table, const struct stack_record *record, const struct image *image,
                    uint32_t *ret_stack, uint64_t *ret_step);

size_t stack_table_depth(const struct stack_table *table, uint32_t stack);

/* Strings are the table's. */
struct stack_frame stack_table_frame(const struct stack_table *table, uint32_t stack, size_t depth);
enum stack_place stack_table_place(const struct stack_table *table, uint32_t stack);
