/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * bpf_probe: one run under the BPF probe: hold the target, start the helper, release, follow, read out.
 */

#include <stddef.h>

struct measurement;
struct probe_options;

/* As probe_run() (probe/probe.h). `command` is the resolved path of the target. */
int bpf_probe_run(const struct probe_options *options, const char *command, struct measurement **ret_m, char *message,
                  size_t size);

/* Can the BPF programs be loaded here? Starts a child that does nothing. @return 0 or -errno; message is set */
int bpf_probe_try(const char *helper_path, char *message, size_t size);
