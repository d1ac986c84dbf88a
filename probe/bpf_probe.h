/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * bpf_probe: can the BPF probe start here?
 */

#include <stddef.h>

/* Can the BPF programs be loaded here? Starts a child that does nothing. @return 0 or -errno; message is set */
int bpf_probe_try(const char *helper_path, char *message, size_t size);
