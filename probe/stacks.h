/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * stacks: names the Python frames the kernel side delivers and adds up where threads wait and burn.
 *
 * Knows code objects (read once each from the live process) and what an asyncio turn looks like. Reads the target's
 * memory as the target's user; treats it as untrusted.
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
    STACK_IN_SELECTOR, /* asyncio's own wait for events */
    STACK_IN_TURN,     /* a callback or coroutine run by asyncio's loop */
};

/* One place where time went; frames are shared and live as long as the table. */
struct stack_site {
    uint32_t stack; /* index for stack_table_frame() */
    uint32_t tgid;
    uint32_t top_tid; /* the thread that spent the most in one go */
    uint32_t threads; /* distinct threads, counted while they come in runs: an estimate above 1 */
    bool on_cpu;
    bool interpreter_lock; /* the wait was for the interpreter lock */
    uint32_t kind;         /* enum wait_kind, when not on_cpu */
    uint64_t time_ns;      /* waits: sum of those with a stack */
    uint64_t count;
    uint64_t longest_ns;
};

struct stack_frame {
    const char *function; /* never NULL */
    const char *file;     /* or NULL */
    uint32_t line;
    bool coroutine;
};

struct stack_table *stack_table_new(void);        /* NULL: no memory */
void stack_table_free(struct stack_table *table); /* NULL-safe */

/*
 * Take in a record of a process with this image. An on-CPU sample is counted at once; for a wait the caller keeps
 * ret_stack until the wait is over.
 *
 * @return 0, -ENOMEM, -ESRCH (no frame could be named: counted as failed)
 */
int stack_table_add(struct stack_table *table, const struct stack_record *record, const struct image *image,
                    uint32_t *ret_stack);

/* The wait that a stack was taken at is over. @return 0 or -ENOMEM */
int stack_table_wait(struct stack_table *table, uint32_t stack, uint32_t tid, uint32_t tgid, uint32_t kind,
                     bool interpreter_lock, uint64_t ns);

size_t stack_table_sites(const struct stack_table *table, const struct stack_site **ret_sites);
size_t stack_table_depth(const struct stack_table *table, uint32_t stack);
struct stack_frame stack_table_frame(const struct stack_table *table, uint32_t stack, size_t depth);
enum stack_place stack_table_place(const struct stack_table *table, uint32_t stack);
uint64_t stack_table_taken(const struct stack_table *table);
uint64_t stack_table_failed(const struct stack_table *table);
