/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * replay_child: a replayer process and the lines that go to and fro.
 *
 * Knows processes, privileges and deadlines. Refuses to know what the lines mean. The child runs as the invoking user,
 * in a process group of its own, and is gone (with all it started) after replay_child_end().
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct replay_child {
    pid_t pid;    /* 0: none */
    int socket;   /* both directions */
    int errors;   /* memory file with what it wrote to stderr */
    char *buffer; /* bytes received so far */
    size_t used, capacity;
    uint64_t deadline_ns; /* CLOCK_MONOTONIC; nothing waits longer */
};

/*
 * Start argv[0] (a path) with a socket as stdin and stdout.
 * @return 0 (replay_child_end()), -errno (-ENOENT: no such program)
 */
int replay_child_start(char *const argv[], uint64_t deadline_ns, struct replay_child *ret_child);

/* Send a line; '\n' is added. @return 0, -ETIME, -EPIPE (it is gone) or -errno */
int replay_child_send(struct replay_child *child, const char *line);

/*
 * Wait for a line, without its '\n'.
 * @param ret_line  valid until the next call
 * @return 0, -ETIME, -EPIPE (it ended), -EMSGSIZE (longer than any answer may be), -ENOMEM or -errno
 */
int replay_child_receive(struct replay_child *child, char **ret_line);

/* The last line it wrote to stderr, for a message; "" when there is none. */
void replay_child_last_words(const struct replay_child *child, char *text, size_t size);

void replay_child_end(struct replay_child *child); /* kills the group, reaps, closes; accepts a zeroed struct */

uint64_t replay_now_ns(void); /* CLOCK_MONOTONIC */
