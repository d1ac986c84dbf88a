/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/sites/hash_index.h"

#include "base/base.h"

#define SIZE_FIRST 256

uint64_t hash_text(uint64_t hash, const char *text)
{
    if (!text)
        return hash_mix(hash, 0x100);
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 1099511628211ULL;
    return hash_mix(hash, 0x200);
}

static int grow(struct hash_index *index)
{
    size_t size = index->size ? index->size * 2 : SIZE_FIRST;
    uint64_t *hashes = calloc(size, sizeof(*hashes));
    uint32_t *positions = calloc(size, sizeof(*positions));

    if (!hashes || !positions) {
        free(hashes);
        free(positions);
        return -ENOMEM;
    }
    for (size_t i = 0; i < index->size; i++) {
        size_t at = index->hashes[i] & (size - 1);

        if (!index->positions[i])
            continue;
        while (positions[at])
            at = (at + 1) & (size - 1);
        hashes[at] = index->hashes[i];
        positions[at] = index->positions[i];
    }
    free(index->hashes);
    free(index->positions);
    index->hashes = hashes;
    index->positions = positions;
    index->size = size;
    return 0;
}

/* Where the hash is, or the empty place where it would go; the index is not full. */
static size_t probe(const struct hash_index *index, uint64_t hash)
{
    size_t at = hash & (index->size - 1);

    while (index->positions[at] && index->hashes[at] != hash)
        at = (at + 1) & (index->size - 1);
    return at;
}

uint32_t *hash_index_place(struct hash_index *index, uint64_t hash)
{
    size_t at;

    if (index->used * 2 >= index->size && grow(index) < 0)
        return NULL;
    at = probe(index, hash);
    if (!index->positions[at]) {
        index->hashes[at] = hash;
        index->used++;
    }
    return &index->positions[at];
}

uint32_t hash_index_find(const struct hash_index *index, uint64_t hash)
{
    return index->size ? index->positions[probe(index, hash)] : 0;
}

void hash_index_clear(struct hash_index *index)
{
    free(index->hashes);
    free(index->positions);
    *index = (struct hash_index){0};
}
