/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * symbols: stacks of a process unwound, and its addresses as functions, with file and line where there is debug
 * information: in the file, in a separate file by build-id or .gnu_debuglink, in the vdso, in a JIT's perf-PID.map.
 *
 * Knows libdwfl and libiberty. Works on mappings and copies only: the process may be gone. Looks only at local files:
 * never asks a debuginfo server. All of it comes from the target and is not trusted: everything is bounded.
 * Refuses to know interpreters: see probe/runtime/ for their frames.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct frame;
struct mappings;
struct symbols;        /* opaque; of one process image */
struct user_registers; /* probe/bpf/abi.h */

/*
 * @param mappings  borrowed, must outlive the symbols; may grow meanwhile
 * @param pid       for /tmp/perf-PID.map
 * @return 0 (ret_symbols: symbols_free()), -ENOMEM
 */
int symbols_new(const struct mappings *mappings, pid_t pid, struct symbols **ret_symbols);
void symbols_free(struct symbols *symbols); /* NULL-safe */
void symbols_freep(struct symbols **symbols);

/*
 * Unwind a stack by call frame information (.eh_frame, .debug_frame), where there is none for a frame by its frame
 * pointer; where the copy ends, go on with the chain that the kernel walked by frame pointers.
 *
 * @param registers  at kernel entry
 * @param copy       the n_copy bytes from registers->sp on
 * @param chain      n_chain addresses by frame pointers, innermost first; chain[0] is registers->ip
 * @param ret_pcs    up to `max` addresses, innermost first; those of callers are return addresses
 * @return how many, at least 1 (registers->ip)
 */
size_t symbols_unwind(struct symbols *symbols, const struct user_registers *registers, const void *copy, size_t n_copy,
                      const uint64_t *chain, size_t n_chain, uint64_t *ret_pcs, size_t max);

/*
 * Name one address, demangled (C++, Rust). For a caller on a stack pass the return address - 1: the return address may
 * be the next line, or the next function. Functions inlined at the address become frames of their own.
 *
 * @param ret_frames  up to `max` frames, innermost first: function ("?" where there is none), file, line, module (path
 * of the mapped file): strings owned by the caller; untouched on failure
 * @return how many frames (>= 1), -ENOENT (nothing mapped there), -ENOMEM
 */
ssize_t symbols_resolve(struct symbols *symbols, uint64_t address, struct frame *ret_frames, size_t max);

/*
 * A cheap identity of a raw stack, so that each is unwound once only: of its address and of all words in the copy that
 * could be return addresses, with their place. Stacks with the same hash are the same as far as the copy goes, while
 * the mappings stay the same; the same stack may have several, because what a function left behind is part of it. A few
 * microseconds for 8 KiB.
 */
uint64_t symbols_stack_hash(const struct mappings *mappings, const struct user_registers *registers, const void *copy,
                            size_t n_copy);

const char *symbols_elfutils_version(void); /* of the libdwfl in use; static */
