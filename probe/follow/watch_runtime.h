/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * watch_runtime: what a runtime grows while it runs: more interpreters in one process, a library that is loaded late.
 *
 * Cheap looks, a few processes a round. Refuses to remember more than the run's state.
 */

#include <stdint.h>

struct run_state;
struct run_thread;

/* To be called every 100 ms or so. */
void watch_runtimes(struct run_state *state);

/* A loop was seen with this one outbound connection: who talks on it? */
void watch_talk(struct run_thread *thread, uint16_t port, uint64_t inode);
