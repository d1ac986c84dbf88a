/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * tally: adds up, while a run goes on, where threads wait and burn, who ends their waits and who holds what they wait
 * for.
 *
 * Only some waits have a stack: each was given one with a known probability, so it stands for 2^shift waits. That
 * estimate is right on average; to make it right for what was really waited (post-stratification), every wait, with a
 * stack or without, is counted in its stratum: thread, kind and how long it took. A stratum with a few stacks stands
 * alone: they share what its waits took. The others of a process and kind are taken together (their group), so that a
 * thousand threads with one wait each, of which a few have a stack, are not forgotten for one that waits all the time.
 * Bounded: what finds no room is counted.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probe/sites/joins.h"

enum tally_subject {
    TALLY_WAIT,   /* of a thread, at its waits */
    TALLY_SAMPLE, /* of a thread, on a CPU; count only */
    TALLY_HOLDER, /* of the holder of the interpreter lock, at others' waits */
    TALLY_OWNER,  /* the owner of a mutex (`row`), at others' waits; without a stack */
};

#define TALLY_NO_STRATUM UINT32_MAX

#define TALLY_ALONE 4u /* stacks with which a stratum stands alone */

/* Waits of all threads of one process that are alike. Filled by tally_settle(). */
struct tally_group {
    uint64_t ns, count; /* in strata that don't stand alone */
    double seen_ns, seen_count;
    uint64_t alone_ns, alone_count; /* in those that do */
};

/* Waits of one thread that are alike: one kind, and long within a factor of four. */
struct tally_stratum {
    uint32_t tgid;
    uint32_t group; /* index */
    uint16_t kind;  /* enum wait_kind */
    bool interpreter_lock;
    bool of_row;                /* of one thread; else of those that came when there was no more room */
    bool stands_alone;          /* filled by tally_settle() */
    uint64_t ns, count;         /* all of them */
    uint64_t taken;             /* stacks */
    double seen_ns, seen_count; /* what those with a stack stand for */
};

struct tally_cell {
    struct join_stack stack;
    uint32_t tgid;
    uint32_t row;     /* the thread, or one of them; OWNER: the owner */
    uint32_t stratum; /* index; TALLY_NO_STRATUM: samples */
    uint8_t subject;  /* enum tally_subject */
    bool of_row;      /* all of it is of thread `row` */
    double ns, count; /* what the stacks here stand for, without the stratum's correction */
    uint64_t longest_ns;
    uint64_t taken; /* stacks */
};

/* Stacks by weight, the heaviest few (Misra and Gries). */
#define TALLY_TOP 3
struct tally_top {
    struct join_stack stack[TALLY_TOP];
    double weight[TALLY_TOP];
};

/* Who ended whose waits. */
struct tally_pair {
    uint32_t waiter, waker; /* rows */
    uint32_t tgid;          /* of the waiter */
    uint16_t kind;
    bool interpreter_lock;
    uint64_t ns, count;
    struct tally_top waiter_at, waker_at;
};

/* One wait that is over. */
struct tally_wait {
    uint32_t tgid, row;
    uint32_t waker_row; /* TALLY_NO_ROW: nobody of the target */
    uint32_t owner_row; /* likewise */
    uint16_t kind;
    bool interpreter_lock;
    uint8_t shift;
    uint64_t ns;
    const struct join *join; /* NULL: no stack was taken, or none arrived */
};

#define TALLY_NO_ROW UINT32_MAX

struct tally {
    struct tally_group *groups;
    size_t n_groups, groups_capacity;
    struct tally_stratum *strata;
    size_t n_strata, strata_capacity;
    struct tally_cell *cells;
    size_t n_cells, cells_capacity;
    struct tally_pair *pairs;
    size_t n_pairs, pairs_capacity;
    uint64_t taken, unkept; /* stacks of waits and samples; of these, those that found no room */
    struct tally_index *index;
};

int tally_init(struct tally *tally); /* 0 or -ENOMEM */
void tally_clear(struct tally *tally);

/* @return 0 or -ENOMEM */
int tally_wait(struct tally *tally, const struct tally_wait *wait);
int tally_sample(struct tally *tally, uint32_t tgid, uint32_t row, const struct join *join);

/* All has come: before the next two. */
void tally_settle(struct tally *tally);

/*
 * What a cell's waits took, corrected by its stratum.
 * @param exact  how much longer the waits of that process and kind were in all than the slices that came tell (>= 1)
 */
double tally_cell_ns(const struct tally *tally, const struct tally_cell *cell, double exact);
double tally_cell_count(const struct tally *tally, const struct tally_cell *cell, double exact);

/* Nothing for a stack without halves. */
void tally_add_top(struct tally_top *top, struct join_stack stack, double weight);

/* The heaviest; python and native are JOIN_NONE where there is none. */
struct join_stack tally_heaviest(const struct tally_top *top);
