/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * symbols: addresses in a process as functions, with file and line where there is debug information.
 *
 * Knows libdwfl. Looks only at local files: never asks a debuginfo server. Function names are those of the object file
 * (C++ and Rust names stay mangled). Refuses to know interpreters: see probe/runtime/ for their frames.
 */

#include <stdint.h>
#include <sys/types.h>

struct frame;
struct symbols; /* opaque; of one process */

/*
 * Take stock of what the process has mapped. Files are opened when an address in them is first asked for; answers for
 * those stay available after the process has ended.
 *
 * @return 0 (ret_symbols: symbols_free()), -ESRCH, -EACCES, -ENOMEM
 */
int symbols_new(pid_t pid, struct symbols **ret_symbols);
void symbols_free(struct symbols *symbols); /* NULL-safe */
void symbols_freep(struct symbols **symbols);

/*
 * Name one address. For a caller on a stack pass the return address - 1: the return address may be the next line, or
 * the next function. Libraries loaded since symbols_new() are noticed.
 *
 * @param ret_frame  function ("?" where there is none), file, line, module: strings owned by the caller; untouched on
 *                   failure
 * @return 0, -ENOENT (nothing mapped there that has a file), -ENOMEM
 */
int symbols_resolve(struct symbols *symbols, uint64_t address, struct frame *ret_frame);
