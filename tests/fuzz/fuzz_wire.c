/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What the helper passes on: much of it the target chose (stacks, paths, times of its doing), so the front end believes
 * none of it. Messages of a type (a byte), a size (two bytes) and so many bytes; then the run ends and the measurement
 * is made.
 */

#include "base/base.h"
#include "probe/assemble/assemble.h"
#include "probe/follow/collector.h"
#include "probe/measurement.h"
#include "tests/fuzz/fuzz.h"

#define ROOT 0x7ffffff0 /* no process has this number: none that exists is looked at */

static int feed(struct collector *collector, uint32_t type, const void *payload, size_t size)
{
    const struct wire_header header = {.type = type, .size = (uint32_t)size};

    return collector_feed(collector, &header, payload);
}

/* Aligned, as wire_receive() has it, and just as long as it says. */
static int feed_one(struct collector *collector, struct fuzz_input *input)
{
    uint32_t type = fuzz_take_u8(input) % (WIRE_FINAL + 2);
    size_t low = fuzz_take_u8(input), size = low | (size_t)fuzz_take_u8(input) << 8;
    AUTO_FREE void *payload = malloc(size ? size : 1);

    FUZZ_CHECK(payload);
    fuzz_take(input, payload, size);
    return feed(collector, type, payload, size);
}

static void finish(struct collector *collector)
{
    CLEANUP(measurement_freep) struct measurement *m = measurement_new();
    struct wire_final final = {.end_ns = 20000};

    FUZZ_CHECK(m);
    final.totals.threads = collector->obituaries;
    if (!collector->finished)
        FUZZ_CHECK(feed(collector, WIRE_FINAL, &final, sizeof(final)) == 0);
    collector_finish(collector);
    m->machine.cpus = m->machine.cpus_allowed = 2;
    if (assemble(collector, m) == 0)
        (void)measurement_check(m, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    struct collector collector;
    int r = 0;

    FUZZ_CHECK(collector_init(&collector, ROOT, -1, 1000) == 0);
    collector.released_ns = 1000;
    while (input.size > 0 && r == 0)
        r = feed_one(&collector, &input);
    finish(&collector);
    collector_clear(&collector);
    return 0;
}
