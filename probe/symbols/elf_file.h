/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * elf_file: a few questions to an ELF file: where is a symbol, what does it need, what is at an address.
 *
 * Addresses are those of the file (st_value, p_vaddr); elf_file_bias() leads from there to a process. Files may come
 * from the target and are not trusted: they are read, never mapped, so that one that shrinks can't raise SIGBUS.
 * The name is not elf.h, which is the system's. Refuses to know debug information (symbols.h) or what a symbol means
 * (probe/runtime/).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct elf_file; /* opaque */

/* Where a symbol is. */
struct elf_symbol {
    uint64_t address; /* 0 with size 0: not in the file */
    uint64_t size;    /* bytes; 0: not known */
};

/*
 * @param path  a regular file; opened for reading only
 * @return 0 (ret_file: elf_file_free()), -errno from opening, -ENOEXEC (not a regular file or not ELF), -ENOMEM
 */
int elf_file_open(const char *path, struct elf_file **ret_file);
void elf_file_free(struct elf_file *file); /* NULL-safe */
void elf_file_freep(struct elf_file **file);

/* Is it for 64-bit x86? */
bool elf_file_is_x86_64(const struct elf_file *file);

/*
 * Look up `n` symbols by name in one pass over the dynamic symbol table (`all`: then over .symtab for those still
 * missing, which can be large). Undefined symbols don't count.
 *
 * @param ret_symbols  n elements; zero where a name is not in the file
 * @return how many were found
 */
size_t elf_file_find_symbols(const struct elf_file *file, const char *const *names, size_t n, bool all,
                             struct elf_symbol *ret_symbols);

/*
 * Copy what the file has at an address into `buffer`.
 * @return 0, -EFAULT (not within the file-backed part of one segment), -errno
 */
int elf_file_read(const struct elf_file *file, uint64_t address, void *buffer, size_t size);

/*
 * What a process adds to the file's addresses, from the mapping of file offset `offset` at `start`. 0 for programs that
 * are not position-independent.
 * @return 0, -ENOENT (no loadable segment contains that offset)
 */
int elf_file_bias(const struct elf_file *file, uint64_t start, uint64_t offset, uint64_t *ret_bias);

/* The writable segment (.data and .bss). @return 0, -ENOENT */
int elf_file_writable_range(const struct elf_file *file, uint64_t *ret_start, uint64_t *ret_end);

/* Does a DT_NEEDED name of the file start with `prefix`? */
bool elf_file_needs(const struct elf_file *file, const char *prefix);

/*
 * The section called `name`.
 * @return 0, -ENOENT
 */
int elf_file_section(const struct elf_file *file, const char *name, uint64_t *ret_address, uint64_t *ret_size);
