/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * interpreters: how many CPython interpreters live in a process (PEP 684, PEP 734).
 *
 * Walks the list of the runtime in the memory of the live process. All memory is untrusted: the walk is bounded.
 */

#include <stdint.h>
#include <sys/types.h>

struct image;

/* No more are counted. */
#define INTERPRETERS_MAX 1024

/*
 * @param ret_count  the main interpreter included
 * @return 0, -ENOENT (3.6, or the layout is not known, or the runtime is still starting), -ESRCH, -EPERM, -EFAULT
 */
int interpreters_count(pid_t pid, const struct image *image, uint32_t *ret_count);
