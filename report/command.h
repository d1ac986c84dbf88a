/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * command: the target's command line as a shell would take it, and how it ended. Raw bytes: whoever shows them escapes
 * them.
 */

#include <stdbool.h>
#include <stddef.h>

struct buffer;
struct target;

/* The whole command, quoted so that it can be pasted. @param short_names  only the last part of paths */
void command_add(struct buffer *b, const struct target *target, bool short_names);

/* The same, cut to `most` bytes and "..." where it is longer: arguments may be two million bytes long. */
void command_add_cut(struct buffer *b, const struct target *target, size_t most);

/* "exit 0", "killed by SIGTERM", "still running" */
void command_add_ending(struct buffer *b, const struct target *target);
