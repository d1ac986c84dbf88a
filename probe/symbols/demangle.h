/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * demangle: the names of linkers as the names of programmers.
 *
 * Knows libiberty (C++ Itanium ABI, Rust legacy and v0). Parameter lists and return types are left out: a site shows
 * file and line, and "std::map<...>::find" is long enough. Names come from the target: bounded in length and in what
 * they may expand to. Refuses to know where a name is from.
 */

/* Names longer than this stay as they are, and are cut when they are longer when expanded. Bytes. */
#define DEMANGLE_INPUT_MAX 4096
#define DEMANGLE_OUTPUT_MAX 1024

/*
 * What compilers and linkers append is dropped too: ".cold", ".part.0", ".constprop.1", ".llvm.123", "@@GLIBC_2.2.5".
 * @return the readable name, or a copy of `name` (bounded as well); free(). NULL: out of memory
 */
char *demangle(const char *name);
