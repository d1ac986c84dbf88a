/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A hostile program with symbols, DWARF and call frame information: its addresses are named, and stacks in it unwound,
 * through elfutils. The registers and the stack come from the end of the file.
 */

#include <elf.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/base.h"
#include "probe/bpf/abi.h"
#include "probe/measurement.h"
#include "probe/symbols/mappings.h"
#include "probe/symbols/symbols.h"
#include "tests/fuzz/fuzz.h"

#define BASE UINT64_C(0x555555554000)
#define LENGTH UINT64_C(0x10000)
#define FRAMES 16
#define STACK 512

/*
 * elf_end() of libelf 0.188 forgets the sections that it had read one by one once something made it read the whole file
 * (__libelf_readall()): at most the file's size, once. Not ours to free.
 */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libelf.so";
}

static void resolve(struct symbols *symbols, uint64_t address)
{
    struct frame frames[FRAMES] = {{0}};
    ssize_t n = symbols_resolve(symbols, address, frames, FRAMES);

    FUZZ_CHECK(n <= FRAMES);
    for (ssize_t i = 0; i < n; i++) {
        FUZZ_CHECK(frames[i].function);
        free(frames[i].function);
        free(frames[i].file);
        free(frames[i].module);
    }
}

/* Half of the words of the stack could be return addresses around the program's entry, where its code is. */
static size_t take_stack(const uint8_t *data, size_t size, uint64_t entry, uint64_t words[STACK / 8])
{
    size_t n = size < STACK ? size / 8 : STACK / 8;

    if (n > 0)
        memcpy(words, data + size - n * 8, n * 8);
    for (size_t i = 0; i < n; i++)
        if (words[i] & 1)
            words[i] = entry - 32 + (words[i] >> 1) % 64;
    return n * 8;
}

static void look(struct symbols *symbols, const uint8_t *data, size_t size)
{
    struct user_registers registers = {.sp = 0x7ffe00000000, .bp = 0x7ffe00000040};
    uint64_t pcs[FRAMES], chain[2], words[STACK / 8], entry = BASE;
    size_t n_copy, n;

    if (size >= sizeof(Elf64_Ehdr))
        entry += ((const Elf64_Ehdr *)(const void *)data)->e_entry % LENGTH;
    n_copy = take_stack(data, size, entry, words);
    registers.ip = n_copy ? entry - 32 + words[0] % 64 : entry;
    chain[0] = registers.ip;
    chain[1] = entry + 4;
    n = symbols_unwind(symbols, &registers, words, n_copy, chain, ARRAY_SIZE(chain), pcs, FRAMES);
    FUZZ_CHECK(n >= 1 && n <= FRAMES && pcs[0] == registers.ip);
    for (size_t i = 0; i < n; i++)
        resolve(symbols, pcs[i] - (i > 0));
    for (uint64_t address = entry - 32; address < entry + 32; address += 9)
        resolve(symbols, address);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *path = fuzz_file(data, size);
    CLEANUP(symbols_freep) struct symbols *symbols = NULL;
    struct pin_table *pins = pin_table_new();
    struct mappings *mappings = mappings_new(pins);
    struct stat st;

    FUZZ_CHECK(pins && mappings && stat(path, &st) == 0);
    FUZZ_CHECK(mappings_add(mappings, 0, BASE, BASE + LENGTH, 0, major(st.st_dev), minor(st.st_dev), st.st_ino, path) ==
               0);
    FUZZ_CHECK(symbols_new(mappings, 0, &symbols) == 0);
    look(symbols, data, size);
    symbols_free(TAKE_PTR(symbols));
    mappings_free(mappings);
    pin_table_free(pins);
    return 0;
}
