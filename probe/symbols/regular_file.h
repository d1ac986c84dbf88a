/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * regular_file: files by names that the target can choose, opened without side effects.
 *
 * Opening a device or a fifo that was put in a file's place acts already, or hangs. So the name is opened as a mere
 * handle (O_PATH), looked at, and only a regular file is opened for reading. Refuses to know what is in it.
 */

#include <stdbool.h>
#include <sys/stat.h>

/*
 * @param follow  false: the last part of the path must not be a symbolic link
 * @param check   judges the file before it is opened: false: don't; NULL: any regular file will do
 * @return a descriptor, -errno (-EPERM: refused by `check`; -EINVAL: not a regular file)
 */
int regular_file_open(const char *path, bool follow, bool (*check)(const struct stat *st, const void *argument),
                      const void *argument);
