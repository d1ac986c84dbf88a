/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * bpf_seed: gives every thread of a running process, and of its descendants, a slot in the state it is in.
 */

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
