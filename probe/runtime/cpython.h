/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * cpython: the inner layout of CPython 3.6 to 3.13, and reading its objects in the memory of a live process.
 *
 * Knows offsets, code objects, strings and line tables. Refuses to know how a process was recognised (detect.h) or
 * what its frames are good for. All memory is untrusted: every length is bounded, every address may be wrong.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "probe/runtime/cpython_walk.h"

/* Layout of one minor version, in bytes; 0 where a member does not exist unless it says otherwise. */
struct cpython_offsets {
    int minor; /* of 3.minor; not an offset */
    uint32_t runtime_size;
    uint32_t runtime_gil;
    uint32_t runtime_tss_key;
    uint32_t runtime_tstate_current;
    uint32_t runtime_interpreters_head;
    uint32_t interp_next; /* 0 is an offset here */
    uint32_t interp_threads_head;
    uint32_t interp_gil; /* pointer to the GIL */
    uint32_t tstate_thread_id;
    uint32_t tstate_native_thread_id;
    uint32_t tstate_frame;
    uint32_t cframe_current; /* within _PyCFrame; with access CPYTHON_FRAME_CFRAME */
    uint32_t tstate_status;
    uint32_t frame_access; /* enum cpython_frame_access */
    uint32_t frame_code;   /* 0 is an offset here */
    uint32_t frame_previous;
    uint32_t frame_instr;
    uint32_t frame_owner;
    uint32_t frame_locals; /* f_localsplus, localsplus */
    uint32_t type_cached_keys;
    uint32_t func_code;
    uint32_t code_filename;
    uint32_t code_name;
    uint32_t code_qualname;
    uint32_t code_firstlineno;
    uint32_t code_flags;
    uint32_t code_table; /* co_lnotab or co_linetable */
    uint32_t code_adaptive;
    uint32_t str_ascii;   /* data of an ASCII string */
    uint32_t str_compact; /* data of any other compact string */
};

/* @return the layout of 3.minor, static; NULL where it is not known */
const struct cpython_offsets *cpython_offsets_for(int minor);

/* What a walk needs, in BPF or in cpython_walk_user(). */
void cpython_walk_config(const struct cpython_offsets *offsets, struct cpython_walk_config *ret_config);

/* A code object, copied out of a process. */
struct cpython_code {
    char *name;     /* qualified where the version has it (3.11+), never NULL; UTF-8, and the bytes that Python took for
                       none */
    char *filename; /* likewise */
    uint32_t first_line; /* of the function */
    uint32_t flags;      /* co_flags */
    bool coroutine;      /* coroutine, or async generator */
    int minor;           /* of the interpreter; decides how the table reads */
    uint64_t identity;   /* as cpython_code_identity() */
    uint64_t bytecode;   /* address of the first instruction; 0 before 3.11 */
    uint8_t *table;      /* line table; NULL when table_size is 0 */
    size_t table_size;
};

/*
 * Copy the code object at `address`.
 * @return 0 (ret_code: cpython_code_free()), -ESRCH (process gone), -EPERM, -EFAULT (not readable), -EBADMSG (not a
 *         code object), -ENOMEM
 */
int cpython_code_read(pid_t pid, const struct cpython_offsets *offsets, uint64_t address,
                      struct cpython_code **ret_code);
void cpython_code_free(struct cpython_code *code); /* NULL-safe */

/*
 * What tells one code object from the next at the same address: where its file name and its name are, and its first
 * line. One small read.
 * @return 0, -ESRCH, -EPERM, -EFAULT, -EBADMSG
 */
int cpython_code_identity(pid_t pid, const struct cpython_offsets *offsets, uint64_t address, uint64_t *ret_identity);
void cpython_code_freep(struct cpython_code **code);

/*
 * Line of the instruction at byte `offset` of the bytecode.
 * Sources: Objects/lnotab_notes.txt (3.6-3.9, 3.10), Objects/locations.md (3.11+).
 * @return the line; first_line where the table does not say
 */
uint32_t cpython_code_line(const struct cpython_code *code, uint64_t offset);

/*
 * Line of a frame from the value that a walk read at frame_instr: f_lasti in bytes (3.6-3.9; -1: not started), in
 * instructions (3.10), a pointer to the instruction (3.11+).
 */
uint32_t cpython_frame_line(const struct cpython_code *code, uint64_t instr);

/* One Python frame, innermost first, as BPF delivers it. */
struct cpython_frame {
    uint64_t frame; /* address of the frame itself */
    uint64_t code;  /* address of the code object */
    uint64_t instr; /* raw; see cpython_frame_line() */
};

/*
 * The thread state of the thread whose FS base (= pthread_self()) is `fs_base`, also while it does not hold the GIL.
 *
 * @param runtime  address of _PyRuntime, or 0
 * @return 0, -ENOENT (no Python thread), -EFAULT, -ESRCH, -EPERM
 */
int cpython_find_tstate(pid_t pid, const struct cpython_walk_config *config, uint64_t runtime, uint64_t fs_base,
                        uint64_t *ret_tstate);

/*
 * Walk the frames of a thread. The thread should not be running; if it is, the result may be nonsense, never harmful.
 *
 * @param ret_frames  up to `max` frames
 * @return number of frames, -EFAULT, -ESRCH, -EPERM
 */
ssize_t cpython_walk_user(pid_t pid, const struct cpython_walk_config *config, uint64_t tstate,
                          struct cpython_frame *ret_frames, size_t max);
