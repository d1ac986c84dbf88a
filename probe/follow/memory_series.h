/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * memory_series: looks at a process's memory, thinned out so that a run of any length takes the same room.
 *
 * Knows how to thin out; refuses to know where the numbers come from.
 */

#include <stdint.h>

struct memory_point;
struct run_process;

/* Points kept of a process. When there are as many, every second one is dropped and from then on taken half as often.
 */
#define MEMORY_POINTS_MAX 64

/*
 * Append a look; at_ns must not go back, a second look at the same time replaces the first. The first point stays for
 * ever; the last is the newest look, or the newest one with private bytes when those were looked at less than an
 * interval ago. When thinned out, points with private bytes are the ones to stay.
 *
 * @return 0 or -ENOMEM
 */
int memory_series_add(struct run_process *process, const struct memory_point *point);

/* The process runs another program now: what was seen before is none of its memory. */
void memory_series_restart(struct run_process *process);
