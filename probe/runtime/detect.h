/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * detect: which runtime runs in a live process, and where its interpreter lock is.
 *
 * Knows /proc/PID/maps and which files give a runtime away. Refuses to know threads, and to judge.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "probe/measurement.h"
#include "probe/runtime/cpython.h"

struct elf_cache;

/* What is loaded into one process, since its last exec. */
struct image {
    struct runtime runtime;
    int major, minor;               /* of CPython; 0: not known */
    uint64_t gil_start;             /* a futex wait at an address in [gil_start, gil_end) is a wait for the GIL; */
    uint64_t gil_end;               /* 0, 0: no GIL, or it could not be located */
    uint64_t runtime_address;       /* _PyRuntime in the process; 0: none (3.6, other runtimes) */
    uint32_t interpreters_head;     /* within _PyRuntime: the list of interpreters; 0: not known */
    uint32_t interpreter_next;      /* within PyInterpreterState; 0 is an offset here */
    uint64_t ruby_vm_address;       /* ruby_current_vm_ptr in the process; 0: none */
    uint64_t data_start;            /* Node: .data and .bss of the program, where libuv's pool waits; */
    uint64_t data_end;              /* 0, 0: not known */
    bool has_offsets;               /* CPython whose frames can be walked: */
    struct cpython_offsets offsets; /* (where 3.13+ publishes its own, those) */
};

/*
 * Inspect a process. CPython, PyPy: kind, version and GIL range; Ruby: 3.1 only, else the lock is not located
 * (INTERPRETER_LOCK_UNKNOWN); a musl libc makes CPython's lock unknown, too, since its waits are not on the lock.
 *
 * @param cache  elf_cache_new(), or NULL to read every file anew
 * @return 0 (a process of no known runtime is RUNTIME_NATIVE), -EAGAIN (too early: it still runs the caller's own
 *         program, before or amid its exec, or has not loaded the interpreter library that it needs; ask again, and
 * after a while take it for native), -ESRCH (gone, or a kernel thread), -EACCES, -ENOMEM
 */
int image_inspect(struct elf_cache *cache, pid_t pid, struct image *ret_image);
