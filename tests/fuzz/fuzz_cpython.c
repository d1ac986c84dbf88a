/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The memory of a hostile target where CPython's structures should be: thread states, frames, code objects, strings,
 * line tables. The input is laid at a fixed address of our own process, so that its pointers can point into it.
 */

#include <sys/mman.h>

#include "base/base.h"
#include "probe/runtime/cpython.h"
#include "probe/runtime/detect.h"
#include "probe/runtime/interpreters.h"
#include "tests/fuzz/fuzz.h"

#define ARENA UINT64_C(0x200000000000) /* not among the sanitizer's own */
#define ARENA_SIZE ((size_t)16 << 10)

static uint8_t *arena(void)
{
    static uint8_t *memory;

    if (!memory)
        memory = mmap((void *)(uintptr_t)ARENA, ARENA_SIZE, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    FUZZ_CHECK(memory == (uint8_t *)(uintptr_t)ARENA);
    return memory;
}

static void read_code(const struct cpython_offsets *offsets, uint64_t address, uint64_t instr)
{
    CLEANUP(cpython_code_freep) struct cpython_code *code = NULL;
    uint64_t identity = 0;

    (void)cpython_code_identity(getpid(), offsets, address, &identity);
    if (cpython_code_read(getpid(), offsets, address, &code) < 0)
        return;
    FUZZ_CHECK(code->name && code->filename && code->identity == identity);
    for (uint64_t offset = 0; offset < 64; offset += 2)
        FUZZ_CHECK(cpython_code_line(code, offset) <= INT32_MAX);
    FUZZ_CHECK(cpython_frame_line(code, instr) <= INT32_MAX);
    (void)cpython_code_line(code, UINT64_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    const struct cpython_offsets *known = cpython_offsets_for(6 + fuzz_take_u8(&input) % 8);
    struct cpython_offsets offsets = *known;
    struct cpython_walk_config config;
    struct cpython_frame frames[8];
    struct image image = {0};
    uint64_t tstate = ARENA;
    uint32_t count = 0;
    ssize_t n;

    fuzz_take(&input, arena(), ARENA_SIZE < input.size ? ARENA_SIZE : input.size);
    memset(arena() + size % ARENA_SIZE, 0, ARENA_SIZE - size % ARENA_SIZE);
    /* 3.13+ says itself where its members are. */
    if (offsets.minor >= 13 && size % 2)
        memcpy(&offsets.code_filename, arena(), 6 * sizeof(uint32_t));
    cpython_walk_config(&offsets, &config);
    (void)cpython_find_tstate(getpid(), &config, ARENA + 64, ARENA, &tstate);
    n = cpython_walk_user(getpid(), &config, tstate, frames, ARRAY_SIZE(frames));
    FUZZ_CHECK(n <= (ssize_t)ARRAY_SIZE(frames));
    for (ssize_t i = 0; i < n; i++)
        read_code(&offsets, frames[i].code, frames[i].instr);
    read_code(&offsets, ARENA, ARENA + 200);
    image.runtime_address = ARENA;
    image.interpreters_head = 8;
    (void)interpreters_count(getpid(), &image, &count);
    FUZZ_CHECK(count <= INTERPRETERS_MAX);
    return 0;
}
