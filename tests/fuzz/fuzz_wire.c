/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What the helper passes on: much of it the target chose (stacks, paths, times of its doing), so the front end believes
 * none of it. Messages of a type (a byte), a size (two bytes) and so many bytes; then the run ends and the measurement
 * is made.
 */

#include <sys/mman.h>

#include "base/base.h"
#include "probe/assemble/assemble.h"
#include "probe/follow/collector.h"
#include "probe/follow/live.h"
#include "probe/live_view.h"
#include "probe/measurement.h"
#include "tests/fuzz/fuzz.h"
#include "tests/probe/fake_python.h"

#define ROOT 0x7ffffff0                /* in an input: our own process; no other that exists has a number that high */
#define ARENA UINT64_C(0x200000000000) /* where two code objects of CPython 3.11 are, CODE_SIZE apart */
#define CODE_SIZE 0x200

struct module {
    union code code;
    struct text name, file;
    char pad[CODE_SIZE - sizeof(union code) - 2 * sizeof(struct text)];
};

_Static_assert(sizeof(struct module) == CODE_SIZE, "inputs have their addresses");

static int feed(struct collector *collector, uint32_t type, const void *payload, size_t size)
{
    const struct wire_header header = {.type = type, .size = (uint32_t)size};

    return collector_feed(collector, &header, payload);
}

/* Aligned, as wire_receive() has it, and just as long as it says. */
static int feed_one(struct collector *collector, struct fuzz_input *input)
{
    uint32_t type = fuzz_take_u8(input) % (WIRE_LIVE + 1);
    size_t low = fuzz_take_u8(input), size = low | (size_t)fuzz_take_u8(input) << 8;
    AUTO_FREE void *payload = malloc(size ? size : 1);

    FUZZ_CHECK(payload);
    fuzz_take(input, payload, size);
    for (size_t i = 0; i < size / sizeof(uint32_t); i++)
        if (((uint32_t *)payload)[i] == ROOT)
            ((uint32_t *)payload)[i] = (uint32_t)getpid();
    return feed(collector, type, payload, size);
}

/* A Python program: its stacks have names, as long as they stay where they are. */
static struct image *python(void)
{
    static const char *const names[] = {"fetch", "_run_once"}, *const files[] = {"/x/crawl.py",
                                                                                 "/usr/lib/asyncio/base_events.py"};
    static struct image image;
    struct module *modules;

    if (image.has_offsets)
        return &image;
    modules = mmap((void *)(uintptr_t)ARENA, ARRAY_SIZE(names) * sizeof(*modules), PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    FUZZ_CHECK(modules == (void *)(uintptr_t)ARENA);
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        write_text(&modules[i].name, names[i]);
        write_text(&modules[i].file, files[i]);
        write_code(&modules[i].code, &modules[i].name, &modules[i].file, 7, 0x80);
    }
    image = fake_image();
    image.gil_start = 0x1000;
    image.gil_end = 0x2000;
    return &image;
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
    struct live_view view;
    int r = 0;

    FUZZ_CHECK(collector_init(&collector, getpid(), -1, 1000) == 0);
    collector.released_ns = 1000;
    run_state_find_process(&collector.state, (uint32_t)getpid())->image = python();
    collector.live = live_new(false); /* without names: these would be a thread for each input */
    FUZZ_CHECK(collector.live);
    while (input.size > 0 && r == 0) {
        r = feed_one(&collector, &input);
        (void)live_next_view(collector.live, &collector, &view);
    }
    finish(&collector);
    collector_clear(&collector);
    return 0;
}
