/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * hash_index: a growing open-addressing index from a 64-bit hash to a position in somebody's array.
 *
 * Equal hashes are one: good for hashes of contents, where 64 bits make a mistake unlikely. Nothing is ever taken out.
 */

#include <stddef.h>
#include <stdint.h>

struct hash_index {
    uint64_t *hashes;
    uint32_t *positions; /* position + 1; 0: empty */
    size_t size, used;
};

#define HASH_START 1469598103934665603ULL /* FNV-1a, 64 bit */

/* Mix one more value into a hash that began with HASH_START. */
static inline uint64_t hash_mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * 1099511628211ULL;
    return hash ^ (hash >> 29);
}

uint64_t hash_text(uint64_t hash, const char *text); /* likewise a text; NULL is not "" */

/* @return the place of this hash, where it is new with 0 in it: write position + 1. NULL: no memory. */
uint32_t *hash_index_place(struct hash_index *index, uint64_t hash);
uint32_t hash_index_find(const struct hash_index *index, uint64_t hash); /* position + 1; 0: not there */
void hash_index_clear(struct hash_index *index);
