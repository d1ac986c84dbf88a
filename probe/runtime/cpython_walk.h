/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * cpython_walk: what it takes to find and walk the Python frames of a thread in the memory of its process.
 *
 * Shared by BPF and user space, hence fixed-width kernel types and nothing else. Filled by cpython_walk_config()
 * (probe/runtime/cpython.h) from the one offset table; cpython_walk_user() there is the same walk from user space.
 * All fields are byte offsets unless they say otherwise. x86-64 with glibc.
 *
 * The walk of the thread whose FS base is F, and whose process has _PyRuntime at R:
 *   1. tstate: key = *(u32 *)(R + runtime_tss_key); p = *(u64 *)(F + CPYTHON_TLS_BLOCK + key * 16 + 8) for key < 32.
 *      The test, always: *(u64 *)(p + tstate_thread_id) == F. Where it fails, or runtime_tss_key is 0 (3.6), the first
 *      of the 32 slots whose p passes it; where none does, the thread has no tstate.
 *   2. frame: p + tstate_frame holds
 *        CPYTHON_FRAME_OBJECT  the PyFrameObject;
 *        CPYTHON_FRAME_CFRAME  a _PyCFrame c: the frame is *(c + cframe_current);
 *        CPYTHON_FRAME_DIRECT  the _PyInterpreterFrame.
 *   3. while frame: if frame_owner is not 0 and *(u8 *)(frame + frame_owner) == owner_c_shim, skip it; else deliver
 *      {*(u64 *)(frame + frame_code), instr} with instr = *(s32 or u64 *)(frame + frame_instr) by frame_instr_size;
 *      frame = *(frame + frame_previous).
 * In BPF only: the timers of an asyncio loop, by way of the first local variable of a frame (probe/bpf/asyncio.bpf.h).
 */

#ifdef __BPF__
#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif
#else
#include <linux/types.h>
#endif

/* pthread_t -> specific_1stblock[key].data: `_thread_db_pthread_specific` of glibc (784), 16 bytes a key, data at 8. */
#define CPYTHON_TLS_BLOCK 784
#define CPYTHON_TLS_KEYS 32

enum cpython_frame_access {
    CPYTHON_FRAME_OBJECT = 0, /* 3.6-3.10: tstate->frame */
    CPYTHON_FRAME_CFRAME = 1, /* 3.11, 3.12: tstate->cframe->current_frame */
    CPYTHON_FRAME_DIRECT = 2, /* 3.13: tstate->current_frame */
};

/* Where the attributes of an instance of a class written in Python are. */
enum cpython_dict_access {
    CPYTHON_DICT_OFFSET = 0, /* 3.6-3.10: a dictionary, tp_dictoffset into the object */
    CPYTHON_DICT_VALUES = 1, /* 3.11: before the object, an array of values (keys: the type's), or a dictionary */
    CPYTHON_DICT_TAGGED = 2, /* 3.12: either, in one pointer */
    CPYTHON_DICT_INLINE = 3, /* 3.13: values behind the object, or a dictionary before it */
};

struct cpython_walk_config {
    __u32 frame_access;     /* enum cpython_frame_access */
    __u32 tstate_frame;     /* the pointer to start from */
    __u32 cframe_current;   /* within _PyCFrame; only with CPYTHON_FRAME_CFRAME */
    __u32 tstate_interp;    /* PyInterpreterState */
    __u32 tstate_thread_id; /* pthread_self() = FS base */
    __u32 tstate_status;    /* 3.12+: u32 whose status_active bits say that this thread holds its GIL; 0: none */
    __u32 status_active;    /* bit mask, not an offset */

    __u32 frame_code;       /* PyCodeObject */
    __u32 frame_previous;   /* the caller's frame; NULL ends the walk */
    __u32 frame_instr;      /* last instruction; see cpython_frame_line() */
    __u32 frame_instr_size; /* 4 (index) or 8 (pointer): bytes to read, not an offset */
    __u32 frame_owner;      /* u8; 0: none */
    __u32 owner_c_shim;     /* value of the owner byte of frames without code, not an offset */

    __u32 code_filename; /* PyObject *: with code_name part of the identity of a code object: addresses are reused */
    __u32 code_name;     /* PyObject * */
    __u32 code_flags;    /* u32: & CPYTHON_CO_COROUTINE */

    __u32 runtime_tss_key;        /* within _PyRuntime; 0: scan the slots */
    __u32 runtime_tstate_current; /* 3.7-3.11: within _PyRuntime, tstate that holds the GIL; 0: use tstate_status */
    __u32 runtime_gil;            /* within _PyRuntime: struct _gil_runtime_state; 0: not there (3.6) */
    __u32 interp_gil;             /* 3.12+: PyInterpreterState -> GIL pointer (own GIL per sub-interpreter); 0: none */
    __u32 gil_last_holder;        /* within the GIL: tstate that holds it or held it last */
    __u32 gil_locked;             /* within the GIL: s32, 1 while held */
    __u32 gil_size;               /* sizeof the GIL: a futex in [gil, gil + gil_size) is a GIL wait */

    __u32 frame_locals;     /* the first local variable */
    __u32 dict_access;      /* enum cpython_dict_access */
    __u32 type_cached_keys; /* 3.11+: ht_cached_keys within the type */
    __u32 values_first;     /* within the PyDictValues of a dictionary or an object; 0 is an offset here */
    __u32 str_ascii;        /* data of an ASCII string */
    __u32 func_code;        /* code object of a function */
    __u32 reserved;         /* 0 */
};

/* co_flags: coroutine 0x80, iterable coroutine 0x100, async generator 0x200 (Include/code.h). */
#define CPYTHON_CO_COROUTINE 0x380

_Static_assert(sizeof(struct cpython_walk_config) == 30 * 4, "shared by BPF and user space");
