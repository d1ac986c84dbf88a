/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * ruby: the inner layout of Ruby (MRI), as far as it takes to tell a wait for the GVL from a sleep.
 *
 * Knows offsets of versions that were tried. Refuses to guess those of others.
 */

#include <stdint.h>

struct image;
struct ruby_process; /* probe/bpf/abi.h */

/* Byte offsets; see struct ruby_process for what they are good for. */
struct ruby_offsets {
    uint32_t th_cond[2]; /* futex words of the thread's own condition variable within rb_thread_t */
    uint32_t th_vm;      /* rb_thread_t.vm */
    uint32_t th_status;  /* rb_thread_t: the bit field with `status` in bits 0-1 */
};

/* @param version  "3.1.2" @return static; NULL where the layout is not known. x86-64 with glibc. */
const struct ruby_offsets *ruby_offsets_for(const char *version);

/* What the kernel side needs of a process. @return 0, -ENOENT (its layout is not known) */
int ruby_process_of(const struct image *image, struct ruby_process *ret_process);
