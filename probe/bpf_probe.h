/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * bpf_probe: can the BPF probe start here?
 */

#include <stddef.h>

#include "probe/wire.h"

/*
 * Can the BPF programs be loaded here? Starts a child that does nothing.
 *
 * @param ret_sampling  how on-CPU samples can be taken; untouched unless 0
 * @return 0 or -errno; message is set
 */
int bpf_probe_try(const char *helper_path, enum sampling *ret_sampling, char *message, size_t size);
