/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */

/*
 * floor: an empty program at each context switch. What it costs is the kernel's own price for being called there, which
 * nobody who watches switches can go below.
 */

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("tp_btf/sched_switch")
int on_switch(void *context)
{
    return 0;
}
