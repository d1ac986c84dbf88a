/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * sketch_places: what the stacks of a Python program say about its shape. Shared by sketch.c and this file only.
 *
 * Knows the files of the standard library that run people's functions. Refuses to choose a sketch.
 */

#include <stdbool.h>

#include "analyzer/advice.h"

/* Is there a frame of a file that ends in `path` ("multiprocessing/managers.py") on any stack of the measurement? */
bool sketch_seen(const struct measurement *m, const char *path);

/* The same for the stacks of a finding. */
bool sketch_seen_in(const struct finding *finding, const char *path);

/* How the program does its items now. */
enum sketch_from sketch_from_of(const struct measurement *m, enum model current);

/* Of worker processes: how they get their items, by the stacks of a finding about that. */
enum sketch_from sketch_from_of_finding(const struct finding *finding);

/*
 * The largest site that `want` is true for and that has a line of people's own Python code; with `workers` of those in
 * worker threads or processes, where there are any, since the items are there. NULL: none.
 */
const struct site *sketch_site(const struct measurement *m, bool (*want)(const struct site *site), bool workers);

/*
 * The frame of the function that does an item: what the thread, the process or the pool was given to run; else the
 * innermost of people's own Python code. NULL: none.
 */
const struct frame *sketch_item_frame(const struct frame *frames, size_t n);

/* Is it the stack of a worker: of a thread or process that was given something of people's own to run? */
bool sketch_is_worker(const struct site *site);

/*
 * Of a worker that takes items from a queue: what it calls with one. NULL: it does the item itself.
 * @param ret_worker  the frame of the worker; NULL: it is no worker's stack
 */
const struct frame *sketch_called_frame(const struct frame *frames, size_t n, const struct frame **ret_worker);

/* The innermost frame of people's own Python code; NULL: none. */
const struct frame *sketch_own_frame(const struct frame *frames, size_t n);
