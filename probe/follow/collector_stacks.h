/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * collector_stacks: the part of the collector that takes in stacks, their halves, and the mappings that name them.
 *
 * For collector.c only. Refuses to name anything while the target runs.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct collector;
struct run_thread;
struct record;
struct stack_record;
struct join;

/* Packed elements, each with its own size. @return 0, -ENOMEM, -EPROTO (sizes that make no sense) */
int collector_take_natives(struct collector *collector, const void *payload, size_t size);
int collector_take_mappings(struct collector *collector, const void *payload, size_t size);

/* The Python half of a stack. @param stack  in the stack table; JOIN_NONE: it could not be named */
void collector_join_python(struct collector *collector, const struct stack_record *record, uint32_t stack,
                           uint64_t step);

/* One wait is over; `join` as joins_take() gave it, NULL: no stack. @return 0 or -ENOMEM */
int collector_tally_wait(struct collector *collector, const struct run_thread *thread, const struct record *r,
                         const struct join *join, bool interpreter_lock);

/* Samples whose halves have come; with `all` every one. */
void collector_flush_samples(struct collector *collector, bool all);
