/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * mappings: what one process has mapped executable, since its last exec: from the kernel's news of mmap() as they come,
 * and from /proc/PID/maps.
 *
 * Each file is opened when it is first seen ("pinned"), so that a program that ends early, or deletes itself, can still
 * be named. A file that is another by then (the inode differs; or the device, where stat() and the mapping count
 * devices alike, which overlay and btrfs don't) is not used. Paths come from the target and are not trusted: files are
 * opened read-only, without following the process into fifos or devices, as the invoking user. Refuses to know symbols.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct mappings; /* opaque; of one process image */

/* One file, however many processes map it. Owned by the pin table; lives as long as that. */
struct pinned_file {
    char *path; /* as the process saw it; "[vdso]" */
    int fd;     /* open for reading; -1: could not be opened, or is another file by now */
    uint64_t inode;
    uint32_t major, minor;
};

struct mapping {
    uint64_t start, end;
    uint64_t offset;                /* in the file */
    const struct pinned_file *file; /* NULL: no file (a JIT) */
};

/* The files pinned in a run. At most PINS_MAX descriptors are held; further files are known by path only. */
struct pin_table; /* opaque */
#define PINS_MAX 512

struct pin_table *pin_table_new(void);       /* NULL: out of memory */
void pin_table_free(struct pin_table *pins); /* NULL-safe; closes the descriptors. Free the mappings first. */

struct mappings *mappings_new(struct pin_table *pins); /* NULL: out of memory */
void mappings_free(struct mappings *mappings);         /* NULL-safe */

/* A forked child's: a copy of its parent's. @return NULL: out of memory */
struct mappings *mappings_fork(const struct mappings *parent);

/*
 * Take in one executable mapping; it replaces what it overlaps.
 *
 * @param pid   of a process that has it mapped, to reach the file through /proc/PID/root when it has another root; 0:
 * none
 * @param path  as the kernel gives it; NULL, "//anon" and other names without a leading '/': no file ("[vdso]" is one)
 * @return 0 or -ENOMEM
 */
int mappings_add(struct mappings *mappings, pid_t pid, uint64_t start, uint64_t end, uint64_t offset, uint32_t major,
                 uint32_t minor, uint64_t inode, const char *path);

/* Take in a line of /proc/PID/maps, where it is of an executable mapping. @return 0 or -ENOMEM */
int mappings_add_line(struct mappings *mappings, pid_t pid, char *text);

/* Take in what /proc/PID/maps shows now; what is mapped no more stays. @return 0, -ESRCH, -EACCES, -ENOMEM */
int mappings_read(struct mappings *mappings, pid_t pid);

/* The mapping that contains an address, or NULL. Borrowed until the next change. */
const struct mapping *mappings_find(const struct mappings *mappings, uint64_t address);

/* Number of mappings, and changes since it was made: a cache of answers is good for as long as this stays the same. */
size_t mappings_count(const struct mappings *mappings);
uint64_t mappings_generation(const struct mappings *mappings);
const struct mapping *mappings_at(const struct mappings *mappings, size_t i); /* in order of address */

/* Beyond this many (the kernel's own default limit) further mappings are not taken in. */
#define MAPPINGS_MAX 65536

/*
 * Whose process it is: the owner of /proc/PID when that was first looked at. -1: not known.
 */
uid_t mappings_owner(const struct mappings *mappings);

/*
 * Could something be mapped at an address? A quick test that never says no wrongly, and seldom yes: a bit for each
 * stretch of 2^MAPPINGS_FILTER_SHIFT bytes, hashed.
 */
#define MAPPINGS_FILTER_SHIFT 21
#define MAPPINGS_FILTER_BITS 12
struct mappings_filter {
    uint64_t words[1 << (MAPPINGS_FILTER_BITS - 6)];
};

const struct mappings_filter *mappings_filter(const struct mappings *mappings); /* borrowed */

static inline bool mappings_filter_test(const struct mappings_filter *filter, uint64_t address)
{
    uint64_t bit = ((address >> MAPPINGS_FILTER_SHIFT) * UINT64_C(0x9e3779b97f4a7c15)) >> (64 - MAPPINGS_FILTER_BITS);

    return filter->words[bit / 64] >> (bit % 64) & 1;
}
