/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * interpreter: starts the interpreters of this machine for tests, held at a point that the script announces.
 */

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

struct interpreter {
    pid_t pid;
    FILE *output; /* what it prints */
};

#define MAX_INTERPRETERS 32

/*
 * Paths of all CPythons here: /usr/bin/python3 and those under ~/.pyenv, each once.
 * @return how many, at least one, or the test fails
 */
size_t interpreter_list(char (*ret_paths)[256]);

/* Start `path -c script`, or any other arguments; with stdout connected. */
struct interpreter interpreter_start(const char *path, const char *option, const char *script);

/* Read a line it prints; fails the test when there is none. */
void interpreter_read_line(struct interpreter *interpreter, char *line, int size);

/* Kill and reap. */
void interpreter_stop(struct interpreter *interpreter);

/* Wait until the thread blocks in system call `number`; gives its first argument. Fails the test after 5 s. */
uint64_t interpreter_wait_for_syscall(pid_t pid, pid_t tid, long number);

/* The thread ids of a process in order of creation. @return how many, at most `max` */
size_t interpreter_threads(pid_t pid, pid_t *ret_tids, size_t max);

/* The address of the futex that a thread waits for now; 0: none. */
uint64_t interpreter_futex(pid_t pid, pid_t tid);
