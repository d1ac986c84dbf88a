/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * thread_names: which threads belong to a runtime itself (collectors, compilers, dispatchers) and not to the program.
 *
 * Runtimes name them; names that are not known belong to the program.
 */

#include <stdbool.h>

#include "probe/measurement.h"

/* @param name  comm, NUL-terminated, cut to 15 bytes as the kernel does */
bool thread_is_internal(enum runtime_kind runtime, const char *name);

/* A thread that the kernel made in the program's name: io_uring's workers and pollers (io-wq.c, sqpoll.c). */
bool thread_is_of_kernel(const char *name);
