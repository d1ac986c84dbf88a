/* SPDX-License-Identifier: BSD-2-Clause */

/* A hostile /tmp/perf-PID.map. Half of the file appears later, as a JIT's does. */

#include "base/base.h"
#include "probe/symbols/jit_map.h"
#include "tests/fuzz/fuzz.h"

static void find(struct jit_map *map, uint64_t address)
{
    const char *name = jit_map_find(map, (uid_t)-1, address);

    FUZZ_CHECK(!name || strlen(name) <= JIT_MAP_NAME_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct jit_map *map = jit_map_new(fuzz_file(data, size / 2));

    FUZZ_CHECK(map);
    find(map, 0x1000);
    (void)fuzz_file(data, size);
    for (uint64_t address = 0; address < 0x4000; address += 0x3ff)
        find(map, address);
    find(map, UINT64_MAX);
    jit_map_free(map);
    return 0;
}
