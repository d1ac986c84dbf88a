/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * assemble_stacks: what the parts of a measurement that show stacks share: the merged frames, and what a cell of the
 * tally took. For assemble_*.c only.
 */

#include <stdbool.h>
#include <stdint.h>

#include "probe/sites/joins.h"
#include "probe/measurement.h"

struct collector;
struct frame_table;
struct tally_cell;

struct assemble_stacks {
    const struct collector *collector;
    struct frame_table *frames;
    double *exact; /* by stratum: what its waits took in all, by what its slices tell */
    /* By row and cause: which share of such waits of a thread has another cause by now, because of what its whole life
       says: a pool's worker without work is idle. */
    float (*renamed)[CAUSE_COUNT];
    uint64_t *row_samples; /* by row of run_state.threads: samples with a stack */
};

/* What a cell took in all, and how many waits or samples it stands for. */
double assemble_cell_ns(const struct assemble_stacks *stacks, const struct tally_cell *cell);
double assemble_cell_count(const struct assemble_stacks *stacks, const struct tally_cell *cell);

/* The cause of a wait of a process; CAUSE_OTHER where it is not attributed. */
enum cause assemble_cause(const struct assemble_stacks *stacks, uint32_t tgid, uint32_t kind, bool interpreter_lock);

/* The frames of a stack, owned by the caller. @return 0 (none: untouched) or -ENOMEM */
int assemble_frames(const struct assemble_stacks *stacks, struct join_stack stack, struct frame **ret_frames,
                    size_t *ret_n);

int assemble_sites(const struct assemble_stacks *stacks, struct measurement *m);   /* 0 or -ENOMEM; modules too */
int assemble_holders(const struct assemble_stacks *stacks, struct measurement *m); /* 0 or -ENOMEM */
int assemble_wakers(const struct assemble_stacks *stacks, struct measurement *m);  /* 0 or -ENOMEM */
int assemble_peers(const struct assemble_stacks *stacks, struct measurement *m);   /* 0 or -ENOMEM */
int assemble_modules(struct measurement *m); /* from the frames of the sites; 0 or -ENOMEM */
