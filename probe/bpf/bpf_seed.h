/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * bpf_seed: finds tasks that are there already. Gives every thread of a running process, and of its descendants, a slot
 * in the state it is in; and tells under which number the kernel knows a process that we know in our pid namespace.
 */

#include <stdint.h>
#include <sys/types.h>

struct bpf_session;

/*
 * To be called when the session's programs are attached and no slot is in use. Needs the same capabilities as those;
 * what it loads is gone when it returns. Accounts begin when the call does, for all threads alike.
 *
 * A thread that is asleep is taken to have been from there on; of others, the time until they were come by (a
 * millisecond or so) is in none of the three states.
 *
 * @return 0, -ESRCH (no such process), -errno of a failed load (Linux 5.18: bpf_copy_from_user_task())
 */
int bpf_seed(struct bpf_session *session, pid_t root);

/* What the programs need to know of pid namespaces (pid_namespaces(7)). */
struct bpf_ids {
    uint32_t level; /* how deep ours is nested; 0: it is the first */
    uint32_t root;  /* the root's number in the first one */
};

/*
 * Nothing is loaded where we are in the first pid namespace.
 *
 * @param root  as we see it
 * @return 0, -ESRCH, -errno of a failed load
 */
int bpf_seed_find(pid_t root, struct bpf_ids *ret_ids);
