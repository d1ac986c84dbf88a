/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * evidence: the replays of `run` and `replay`, with progress and Ctrl-C.
 *
 * The first Ctrl-C ends the replayers (they are in the foreground group, too), not the report; a second one quits.
 */

#include <stddef.h>

struct measurement;
struct options;
struct progress;

/*
 * Replay into the measurement. Says only when it was interrupted.
 * @param message  why nothing was replayed, when not 0
 * @return 0, as replay_run(), or -EINTR (interrupted, said)
 */
int evidence_replay(const struct options *options, struct progress *progress, struct measurement *m, char *message,
                    size_t size);
