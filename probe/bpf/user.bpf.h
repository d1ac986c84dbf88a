/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#pragma once

/*
 * user: words from the memory of the current thread's process. Nothing sleeps here: a page that is not there can't be
 * brought in, and reads as 0.
 *
 * The helper itself clears what it could not read (kernel/trace/bpf_trace.c, bpf_probe_read_user_common()), so its
 * result is not looked at: the verifier would walk all that follows once for either.
 */

static __always_inline __u64 read_user_u64(__u64 address)
{
    __u64 value = 0;

    bpf_probe_read_user(&value, sizeof(value), (void *)address);
    return value;
}

static __always_inline __u32 read_user_u32(__u64 address)
{
    __u32 value = 0;

    bpf_probe_read_user(&value, sizeof(value), (void *)address);
    return value;
}
