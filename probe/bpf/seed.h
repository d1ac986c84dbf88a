/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * seed: what seed.bpf.c and bpf_seed.c tell each other, in the program's .bss.
 */

#include <linux/types.h>

struct seed_state {
    __u64 start;     /* CLOCK_MONOTONIC: where the accounts begin */
    __u64 root_task; /* address of the root's task_struct, once it was come by */
    __u32 root;      /* its pid, as the reader sees it */
    __u32 fresh;     /* slots handed out in this pass */
    __u32 unsettled; /* tasks of the target that were just being born, or would not stand still, in this pass */
    __u32 stacks;    /* taken so far */
    /* of on_find: */
    __u32 level;      /* struct pid.level of the reader */
    __u32 root_first; /* the root's pid in the first pid namespace; 0: not there */
};

/* Ids of the stacks taken here are this and above; the others count from 1. */
#define SEED_STACK_ID 0x80000000u
