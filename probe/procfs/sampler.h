/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * sampler: measures the target from /proc, without any privilege, and says so in the helper's words (probe/wire.h), so
 * that whoever follows a run need not know which of the two it is.
 *
 * A thread of the front end, not a process of its own: the kernel shows the system call of a thread to those who may
 * trace it, and where Yama is in charge these are its ancestors only. How often it looks is set by what a look costs:
 * see sampler_rate.h. What it can't know it does not make up: nobody is named as the one who ended a wait.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct sampler; /* opaque */

/*
 * Start to look at the held `target`, a child of the caller, and take its orphans in (PR_SET_CHILD_SUBREAPER): a
 * process that outlives its parent stays our descendant, and is shown to us. Its getppid() then is ours and not 1.
 *
 * @param running    the target is a process that runs already, nobody's child in particular: measuring begins at once,
 *                   with what is there; whose parent ends unseen is not found
 * @param stacks     look for Python frames and native stacks, too
 * @param ret_socket the front end's end of the wire; closing it ends the sampler
 * @return 0, -ENOMEM, -errno
 */
int sampler_start(pid_t target, bool running, bool stacks, struct sampler **ret_sampler, int *ret_socket);

/* The held target is let go at this time. To be called before it is. */
void sampler_release(struct sampler *sampler, uint64_t now);

/*
 * A child of ours has ended and is about to be reaped: look at what reaping takes away. From any thread.
 * @return CPU time of all its threads, ns; 0: not known
 */
uint64_t sampler_last_look(struct sampler *sampler, pid_t pid);

/* Is this child of ours of the target (an orphan that came to us)? Then it is ours to reap. From any thread. */
bool sampler_owns(const struct sampler *sampler, pid_t pid);

/* CPU time of the children that a child of ours had waited for by the time it was reaped. From any thread. */
void sampler_reaped(struct sampler *sampler, uint64_t children_ns);

/* End and free it; the socket must be closed before. NULL-safe. */
void sampler_end(struct sampler *sampler);
