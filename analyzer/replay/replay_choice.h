/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * replay_choice: which replayer fits the runtime of the target, where it is, and how it is started.
 *
 * The one place to change for a further runtime (docs/replayer-protocol.md). Refuses to know what is said to it.
 */

#include <stddef.h>
#include <stdint.h>

struct replay_child;
struct runtime;

/*
 * Start the replayer for that runtime.
 *
 * @param dir  where replayers are; NULL: beside the executable, in the build tree, in ../libexec/concadvise, in
 *             libexecdir
 * @param message  why there is none, when not 0
 * @return 0 (replay_child_end()), -ENOENT (no replayer for it, or its interpreter is not there), -ECHILD
 */
int replay_choice_start(const struct runtime *runtime, const char *dir, uint64_t deadline_ns,
                        struct replay_child *ret_child, char *message, size_t size);
