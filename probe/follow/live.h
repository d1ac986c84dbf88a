/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * live: what the live view shows, kept while a run goes on, and only where somebody looks.
 *
 * Sums come from the helper's answer to WIRE_LOOK; it knows kinds of waits, which causes they are follows here: of
 * ended waits as their slices come, of those in progress from the answer. Bounded: a few stacks for each state and
 * interval.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct collector;
struct join;
struct live; /* opaque */
struct live_view;
struct record;
struct run_process;
struct wire_live;

/* @param sites  also where: stacks are compared and named. @return NULL: no memory */
struct live *live_new(bool sites);
void live_free(struct live *live); /* NULL-safe */

/* As many waits in progress as WIRE_LOOK should ask for. */
uint32_t live_waits(const struct live *live);

/*
 * A wait is over. NULL live: nothing.
 * @param kind  enum wait_kind as the helper told it; `record` has what is known by now
 * @param join  as joins_take() gave it; NULL: no stack
 */
void live_take_wait(struct live *live, const struct run_process *process, unsigned int kind,
                    const struct record *record, bool interpreter_lock, const struct join *join);

/* A sample of a thread on a CPU. NULL live: nothing. */
void live_take_sample(struct live *live, const struct join *join);

/* Keep the answer to WIRE_LOOK; NULL live: it was not asked for. @return 0, -EPROTO, -ENOMEM */
int live_take_answer(struct live *live, const void *payload, size_t size);

/*
 * Make a view of the answer that came since the last one, and begin a new interval.
 * @param ret_view  its frames are borrowed until the next call; untouched where there is none
 * @return whether there was one
 */
bool live_next_view(struct live *live, const struct collector *collector, struct live_view *ret_view);
