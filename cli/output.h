/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * output: bytes to a place, whole or not at all.
 *
 * Knows files (temporary file in the same folder, fsync, rename: what was there stays until all is written), devices
 * and pipes (written in place), terminals and their width. Refuses to know what the bytes mean.
 */

#include <stdbool.h>
#include <stddef.h>

#include "cli/options.h"

/*
 * Can a file be put at `path`? Looks, changes nothing; a full disk shows only later.
 * @return 0 or -errno (-ENOENT: no such folder, -EISDIR, -EACCES, -EROFS)
 */
int output_check(const char *path);

/* @return 0 or -errno; on failure what was at `path` is untouched and nothing is left behind */
int output_put_file(const char *path, const char *bytes, size_t n);

/*
 * From here on a write that can't be done is an error and not the end of the program: SIGPIPE and SIGXFSZ (a limit on
 * the size of files, setrlimit(2)) are ignored. Not before the target has started: it must find them as they were.
 */
void output_let_writes_fail(void);

/* @return 0 or -errno; -EPIPE: the reader went away, -EFBIG: a limit was met (see output_let_writes_fail()) */
int output_put_fd(int fd, const char *bytes, size_t n);

/*
 * May and can the terminal at `fd` be written to at this moment? Not from the background, where it would stop us
 * (tostop, stty(1)) or meddle with the shell; not while Ctrl-S holds it, where a write would wait and what is measured
 * be lost.
 */
bool output_terminal_is_ready(int fd);

/* Columns of the terminal at `fd`, else $COLUMNS, else 80. */
unsigned output_width(int fd);

bool output_color(int fd, enum color_choice choice);

/* Does the locale speak UTF-8? */
bool output_utf8(void);
