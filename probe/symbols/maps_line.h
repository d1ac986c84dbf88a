/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * maps_line: one line of /proc/PID/maps (proc_pid_maps(5)): "start-end perms offset major:minor inode   path".
 *
 * The path is what the process chose, with newlines as \012; the rest is the kernel's.
 */

#include <stdbool.h>
#include <stdint.h>

struct maps_line {
    uint64_t start, end;
    uint64_t offset; /* in the file */
    uint64_t inode;  /* 0: no file */
    uint32_t major, minor;
    bool executable;
    const char *path; /* within the line; "": none */
};

/*
 * @param line  its newline, if any, is cut off; must outlive the result
 * @return false: not such a line; ret untouched
 */
bool maps_line_parse(char *line, struct maps_line *ret);
