/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * pins: the table of files behind struct pin_table (mappings.h): which are known, and their descriptors.
 *
 * Refuses to know addresses.
 */

#include <libelf.h>
#include <stdint.h>
#include <sys/types.h>

struct file_names;
struct pin_table;
struct pinned_file;

/* What the kernel says about the file behind a mapping. */
struct pin_request {
    pid_t pid;           /* of a process that has it mapped; 0: none */
    uint64_t start, end; /* where, exactly as mapped */
    uint32_t major, minor;
    uint64_t inode;
    const char *path; /* absolute, or "[vdso]"; may end in " (deleted)" */
};

/*
 * The entry of a file, opened if it has not been and still can be.
 *
 * @return 0 (ret_file: owned by the table; NULL when the table knows too many files already), -ENOMEM
 */
int pin_table_get(struct pin_table *pins, const struct pin_request *request, const struct pinned_file **ret_file);

/*
 * The file as ELF, opened once: what has been read of it (unwind tables are megabytes) is shared by all that map it.
 * @return a reference: elf_end(); NULL: not pinned, no x86-64 program or library, or out of memory
 */
Elf *pinned_file_elf(const struct pinned_file *file);

/* The names in a file, shared by all that map it. Owned by the table. @return NULL: out of memory */
struct file_names *pinned_file_names(const struct pinned_file *file);
