/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * simulate_heap: what happens next. A binary heap of numbers by time, whose members can be moved and taken out.
 *
 * Knows ids and keys. Refuses to know what they stand for.
 */

#include <stdint.h>

#define SIMULATE_NO_SLOT UINT32_MAX

struct simulate_heap_entry {
    double key;
    uint32_t id;
};

struct simulate_heap {
    struct simulate_heap_entry *entries; /* room for all ids; the caller's */
    uint32_t *slots;                     /* by id: its place, SIMULATE_NO_SLOT outside; the caller's */
    uint32_t size;
};

/* Add an id that is not in the heap. */
void simulate_heap_push(struct simulate_heap *h, uint32_t id, double key);
/* Take out the smallest; the heap is not empty. */
uint32_t simulate_heap_pop(struct simulate_heap *h);
/* Take out an id, wherever it is; nothing happens if it is outside. */
void simulate_heap_remove(struct simulate_heap *h, uint32_t id);
