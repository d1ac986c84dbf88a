/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * native_stages: groups of workers that each do one part of every item and hand it on through a queue.
 *
 * Knows the queues and who is told that no more will come. Threads and processes use the same queues, in shared memory.
 */

#include <stddef.h>
#include <stdint.h>

struct native_job;
struct native_plan;
struct native_shared;
struct native_stage;

/* Bytes of memory that the stages of a plan share; 0 without stages. */
size_t native_stages_size(const struct native_plan *plan);

/* Set up shared->stages, which has native_stages_size() zeroed bytes. @return 0 or -errno */
int native_stages_init(struct native_shared *shared, const struct native_plan *plan);

/* One worker's run: lanes are numbered through from the first stage to the last. */
void native_stages_work(const struct native_job *job, uint32_t lane);
