/* SPDX-License-Identifier: BSD-2-Clause */

/* A hostile program or library, as the recognition of runtimes looks at it. */

#include "base/base.h"
#include "probe/runtime/elf_cache.h"
#include "probe/symbols/elf_file.h"
#include "tests/fuzz/fuzz.h"

static void ask(const char *path)
{
    static const char *const names[] = {"main", "_PyRuntime", "ruby_current_vm_ptr"};
    CLEANUP(elf_file_freep) struct elf_file *file = NULL;
    struct elf_symbol symbols[ARRAY_SIZE(names)];
    uint64_t start = 0, end = 0;
    char bytes[64];

    if (elf_file_open(path, &file) < 0)
        return;
    (void)elf_file_is_x86_64(file);
    FUZZ_CHECK(elf_file_find_symbols(file, names, ARRAY_SIZE(names), true, symbols) <= ARRAY_SIZE(names));
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (symbols[i].address)
            (void)elf_file_read(file, symbols[i].address, bytes, sizeof(bytes));
    (void)elf_file_read(file, 0x401000, bytes, sizeof(bytes));
    (void)elf_file_bias(file, 0x7f0000001000, 0x1000, &start);
    (void)elf_file_writable_range(file, &start, &end);
    (void)elf_file_needs(file, "libpython");
    (void)elf_file_section(file, ".go.buildinfo", &start, &end);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"python3.11", "libpython3.12.so.1.0", "ruby", "node", "pypy3", "a"};
    const char *path = fuzz_file(data, size);
    uint64_t bias;

    ask(path);
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        struct elf_facts facts;

        if (elf_cache_inspect(NULL, path, names[i], &facts) < 0)
            break;
        FUZZ_CHECK(memchr(facts.version, '\0', sizeof(facts.version)));
    }
    (void)elf_cache_bias(path, 0x7f0000001000, 0x1000, &bias);
    return 0;
}
