/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * jit_map: what a JIT compiler says it generated, in /tmp/perf-PID.map (tools/perf/Documentation/jit-interface.txt in
 * the kernel's source): lines of "START SIZE name", in hexadecimal; later lines replace earlier ones.
 *
 * Anyone can write to /tmp: only a regular file of the process's owner, or ours, is read. Bounded in size and lines.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct jit_map; /* opaque; of one process */

#define JIT_MAP_BYTES_MAX (INT64_C(64) << 20)
#define JIT_MAP_LINES_MAX 1000000
#define JIT_MAP_NAME_MAX 512 /* bytes; what is longer is cut */

/*
 * Where a process writes its map, as we reach it: under the number that it has in its own pid namespace, and below its
 * own root. One that has ended is taken for one that shared ours.
 */
void jit_map_path(pid_t pid, char *ret_path, size_t size);

/*
 * @param path   of the map; looked for when it is first needed, and again as it grows
 * @return NULL: out of memory
 */
struct jit_map *jit_map_new(const char *path);
void jit_map_free(struct jit_map *map); /* NULL-safe */

/*
 * @param owner  of the process; -1: not known
 * @return the name of what was generated at an address, borrowed until the next call; NULL: not known
 */
const char *jit_map_find(struct jit_map *map, uid_t owner, uint64_t address);
