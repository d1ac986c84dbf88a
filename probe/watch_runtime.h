/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * watch_runtime: what a runtime grows while it runs: more interpreters in one process, a library that is loaded late.
 *
 * Cheap looks, a few processes a round. Refuses to remember more than the run's state.
 */

struct run_state;

/* To be called every 100 ms or so. */
void watch_runtimes(struct run_state *state);
