/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * run: one run of a target: hold it, start the probe, release, follow, read out.
 */

#include <stddef.h>

struct measurement;
struct probe_options;

/* As probe_run() (probe/probe.h). `command` is the resolved path of the target. */
int run_target(const struct probe_options *options, const char *command, struct measurement **ret_m, char *message,
               size_t size);

/* The same for the running process options->pid. Leaves nothing behind in it. */
int run_attached(const struct probe_options *options, struct measurement **ret_m, char *message, size_t size);
