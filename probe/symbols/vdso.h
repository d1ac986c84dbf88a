/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * vdso: the shared object that the kernel maps into each process. Every 64-bit process gets the same one, so ours
 * serves for the target's, which may be gone. Refuses to know where it is mapped.
 */

#include <libelf.h>

/* @return elf_end(); NULL: this kernel has none, or out of memory */
Elf *vdso_open(void);
