/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * elf_cache: what matters to runtime detection about an ELF file, looked up once per file.
 *
 * Knows which symbols and names give a runtime away. Refuses to know processes: addresses are those of the file.
 */

#include <stdbool.h>
#include <stdint.h>

#include "probe/measurement.h"
#include "probe/symbols/elf_file.h"

struct elf_cache; /* opaque */

/* What one file says. */
struct elf_facts {
    enum runtime_kind kind;    /* what the file itself implements; RUNTIME_NATIVE: nothing known */
    enum runtime_kind needs;   /* an interpreter library that it will load; RUNTIME_NATIVE: none */
    char version[32];          /* empty: not known */
    int major, minor;          /* CPython only; 0: not known */
    bool x86_64;               /* 64-bit x86 */
    bool free_threaded;        /* CPython without the GIL */
    struct elf_symbol runtime; /* _PyRuntime (3.7+) or ruby_current_vm_ptr */
    uint64_t writable_start;   /* .data to .bss; 0, 0: none */
    uint64_t writable_end;
};

/* @return owned by the caller, elf_cache_free(); NULL: out of memory */
struct elf_cache *elf_cache_new(void);
void elf_cache_free(struct elf_cache *cache); /* NULL-safe */

/*
 * Look at the file `path`, which is called `name` in the process (its base name counts).
 * The cache knows files by device, inode, size and time of change.
 *
 * @param cache  may be NULL: then the file is always read
 * @return 0, -ENOEXEC (not ELF), -ENOMEM, -errno from opening
 */
int elf_cache_inspect(struct elf_cache *cache, const char *path, const char *name, struct elf_facts *ret_facts);

/*
 * What the process adds to the addresses of the file mapped from `offset` at `start`.
 * @return 0, -ENOENT, -errno as above
 */
int elf_cache_bias(const char *path, uint64_t start, uint64_t offset, uint64_t *ret_bias);
