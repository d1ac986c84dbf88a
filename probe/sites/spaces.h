/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * spaces: which executable mappings each process of a run has, from fork to fork and exec to exec.
 *
 * From the kernel's news as they come and, where there are none, from /proc. News of a mapping may come before the news
 * of the fork or the exec that made it. What stacks refer to stays to the end of the run.
 */

#include <stdint.h>

struct run_process;
struct run_space;
struct run_state;
struct wire_mapping;

/* The process' own or inherited space, made when missing; NULL: no memory, or too many. Borrowed. */
struct run_space *spaces_of(struct run_state *state, struct run_process *process);

/* Take in what the kernel told: a mapping, or that an exec begins. @return 0, -ENOMEM, -EBADMSG (senseless sizes) */
int spaces_add(struct run_state *state, struct run_process *process, const struct wire_mapping *mapping);

/*
 * A process was forked: it has what its parent has.
 * @param before  the row that had this tgid until now (its own news may have come first), or NULL
 */
void spaces_fork(struct run_state *state, struct run_process *child, struct run_process *parent,
                 const struct run_space *before, uint64_t time);

/* A process became another program. */
void spaces_exec(struct run_state *state, struct run_process *process, uint64_t time);

/* Read /proc/PID/maps where it is due: soon after an exec, and once more later. Bounded; call every few ms. */
void spaces_read(struct run_state *state, uint64_t now);

/* Tell the spaces which image they belong to, as far as it is known by now. */
void spaces_name_images(struct run_state *state);

void spaces_clear(struct run_state *state);
