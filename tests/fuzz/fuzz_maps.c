/* SPDX-License-Identifier: BSD-2-Clause */

/* /proc/PID/maps with mappings and paths as a target may make them. */

#include "base/base.h"
#include "probe/symbols/mappings.h"
#include "probe/symbols/maps_line.h"
#include "tests/fuzz/fuzz.h"

/* In order, none empty, none overlapping; found by any address in them. */
static void check(const struct mappings *mappings)
{
    uint64_t last = 0;

    for (size_t i = 0; i < mappings_count(mappings); i++) {
        const struct mapping *mapping = mappings_at(mappings, i);

        FUZZ_CHECK(mapping->start >= last && mapping->start < mapping->end);
        FUZZ_CHECK(mappings_find(mappings, mapping->start) == mapping);
        FUZZ_CHECK(mappings_find(mappings, mapping->end - 1) == mapping);
        FUZZ_CHECK(mappings_filter_test(mappings_filter(mappings), mapping->start));
        last = mapping->end;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_FREE char *text = strndup(size ? (const char *)data : "", size);
    struct pin_table *pins = pin_table_new();
    struct mappings *mappings = mappings_new(pins);
    struct mappings *child;
    char *rest = text;

    FUZZ_CHECK(text && pins && mappings);
    for (char *line; (line = strsep(&rest, "\n"));)
        FUZZ_CHECK(mappings_add_line(mappings, 0, line) == 0);
    check(mappings);
    child = mappings_fork(mappings);
    FUZZ_CHECK(child);
    check(child);
    mappings_free(child);
    mappings_free(mappings);
    pin_table_free(pins);
    return 0;
}
