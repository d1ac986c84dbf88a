/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * file_names: the functions, files and lines of one file's code, by offset in the file.
 *
 * Kept once for a file, however many processes map it: reading libc's debug information alone takes 40 ms and 13 MB.
 * Answers are kept too. Refuses to know processes.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct file_names; /* opaque */
struct frame;
struct pinned_file;

/*
 * @param file  borrowed; looked into when a name is first asked for
 * @return NULL: out of memory
 */
struct file_names *file_names_new(const struct pinned_file *file);
void file_names_free(struct file_names *names); /* NULL-safe */

/*
 * @param ret_frames  innermost first, all but the last inlined; borrowed until the next call. The last one's function
 *                    may be NULL: not known.
 * @return how many, at least 1; -ENOMEM
 */
ssize_t file_names_find(struct file_names *names, uint64_t offset, const struct frame **ret_frames);
