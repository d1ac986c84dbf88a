/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * assemble_parts: the derived parts of a measurement, one file each. For assemble.c only; called in this order, with
 * the threads and processes of `m` filled in.
 */

#include <stdbool.h>

#include "probe/cause.h"

struct collector;
struct measurement;
struct run_process;

/* The circumstances of a process (NULL: none known) for one of its waits. */
struct wait_context assemble_context(const struct run_process *process, bool interpreter_lock);

int assemble_external_union(const struct collector *c, struct measurement *m); /* 0 or -ENOMEM */
int assemble_loops(const struct collector *c, struct measurement *m);          /* 0 or -ENOMEM */
int assemble_locks(const struct collector *c, struct measurement *m);          /* 0 or -ENOMEM */
int assemble_sites(const struct collector *c, struct measurement *m);          /* 0 or -ENOMEM; modules too */
