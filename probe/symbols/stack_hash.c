/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/base.h"
#include "probe/bpf/abi.h"
#include "probe/symbols/mappings.h"
#include "probe/symbols/symbols.h"

/* One step of a multiplicative hash; the shift brings the high bits, which are the good ones, back down. */
static uint64_t mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * UINT64_C(0x9fb21c651e98df25);
    return hash ^ hash >> 29;
}

uint64_t symbols_stack_hash(const struct mappings *mappings, const struct user_registers *registers, const void *copy,
                            size_t n_copy)
{
    const struct mappings_filter *filter = mappings_filter(mappings);
    uint64_t hash = mix(n_copy, registers->ip);

    for (size_t offset = 0; offset + sizeof(uint64_t) <= n_copy; offset += sizeof(uint64_t)) {
        uint64_t word;

        memcpy(&word, (const char *)copy + offset, sizeof(word));
        if (mappings_filter_test(filter, word) && mappings_find(mappings, word))
            hash = mix(mix(hash, offset), word);
    }
    return hash;
}
