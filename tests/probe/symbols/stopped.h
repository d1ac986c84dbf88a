/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * stopped: a program of targets/, caught where it blocks or runs, as the probe would catch it: registers, a copy of its
 * stack, the chain by frame pointers, its mappings. For the tests of the symbols; fails the test on any error.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "probe/bpf/abi.h"

struct mappings;
struct pin_table;
struct symbols;

struct stopped {
    pid_t pid;
    int input; /* its standard input stays open as long as we do */
    struct user_registers registers;
    char copy[STACK_COPY];
    size_t n_copy;
    uint64_t chain[CHAIN_DEPTH];
    size_t n_chain;
    struct pin_table *pins;
    struct mappings *mappings;
};

/*
 * @param path     "deep_fp": of targets/; anything with a '/' is taken as it is
 * @param blocked  wait until it is blocked; otherwise, until it has said twice that it runs
 */
void stopped_start(struct stopped *stopped, const char *path, const char *how, const char *depth, int blocked);

/* Fill in the rest, for the stack as it is now. It goes on after that. */
void stopped_look(struct stopped *stopped);
void stopped_kill(struct stopped *stopped);  /* and wait until it is gone */
void stopped_clear(struct stopped *stopped); /* kills it if that was not done */

/*
 * Unwind and name. @param n_copy  how much of the copy is shown
 * @return the functions, innermost first, as "function:line,function:line,..." (line 0: not known); free()
 */
char *stopped_trace(const struct stopped *stopped, struct symbols *symbols, size_t n_copy);

/* The line of targets/NAME that is marked "at: MARK". */
unsigned stopped_line(const char *name, const char *mark);

/*
 * Does a trace contain these in order, one right after the other: "function at: MARK", ...; NULL ends them. A mark is
 * looked up in targets/NAME; "function" alone: no line is known (as the last: any line).
 */
void stopped_expect(const char *trace, const char *name, const char *const *expected);
