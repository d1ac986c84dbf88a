/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * replay_plan: how much of a profile is executed under a model, and what the times of that sample say about the whole.
 *
 * Pure: no processes, no clocks. A sample keeps the durations of items and takes fewer of them where there are plenty;
 * where there are too few (four lanes, or hundreds in flight at once) it shortens their durations instead. Costs that
 * do not shrink with the sample (starting workers, handing over an item) are measured by runs without durations and
 * are not scaled. replay_sample.h draws the sample.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/profile/profile.h"
#include "analyzer/simulate/simulate.h"

struct replay_plan {
    enum model model;
    uint32_t workers;       /* as in simulate(); per process for MODEL_PROCESSES_COROUTINES */
    uint32_t processes;     /* >= 1 */
    bool current;           /* the program as it is now */
    bool worker_per_item;   /* create one for each */
    bool executable_serial; /* a blocked event loop: executed one by one */
    bool beside_the_loop;   /* commands, which compute beside the event loop that starts them: executed in threads */
    bool fixed_lanes;       /* each worker does the items that its lane did */
    uint32_t executor;      /* threads of the loop that long calls are handed to; 0: the loop does all by itself */
    bool nothing_to_await;  /* as in struct profile, with an executor: tasks live in its threads */
    bool staged;            /* groups of workers each do one stage of every item and hand it on */
    uint32_t recorded;      /* workers to report for the program as it is now; 0: `workers` */
    uint32_t runs;          /* planned executions of the sample; 0: one */
    bool interpreter_lock;
    uint64_t switch_interval_ns;
    struct profile_step *steps;
    size_t n_steps;
    size_t *items; /* steps of each */
    size_t n_items;
    size_t *phases;        /* items of each; a phase begins when all items before are done */
    size_t n_phases;       /* 0: one */
    uint32_t *lanes;       /* worker of each item, below `workers`; NULL: a common bag */
    uint32_t *stage_lanes; /* staged only: workers of each stage, n_stages */
    uint16_t n_stages;
    double items_factor;   /* items of the profile per item of the sample; >= 1 */
    double shrink;         /* durations of the sample / of the profile; 0 < shrink <= 1 */
    uint64_t forecast_ns;  /* of the profile without head and tail, as the simulation sees it */
    uint64_t overhead_ns;  /* worker start as the simulation sees it; not shortened by sampling */
    uint64_t latency_ns;   /* waiting per item that the present arrangement has and the replayer does not */
    uint64_t fixed_ns;     /* head, tail, and what is serial between the phases */
    uint64_t fixed_cpu_ns; /* CPU in them */
};

/* One real execution of a sample, as a replayer reports it. */
struct replay_times {
    uint64_t wall_ns;
    uint64_t start_ns;
    uint64_t cpu_ns;
    uint64_t peak_rss_bytes;
};

/* Model and workers, without a sample yet. @return 0, -ENOMEM, -EINVAL */
int replay_plan_model(const struct profile *p, const struct simulate_costs *costs, enum model model, uint32_t cpus,
                      struct replay_plan *ret_plan);
int replay_plan_current(const struct profile *p, const struct simulate_costs *costs, uint32_t cpus,
                        struct replay_plan *ret_plan);

/* Do the two execute the same thing? Then one execution serves both. */
bool replay_plan_same(const struct replay_plan *a, const struct replay_plan *b);

/*
 * Share the time among plans, each with its `runs`: each gets what it needs, at most the returned slot.
 * @return the slot, 0 when the plans' overheads alone are more than the time
 */
uint64_t replay_plan_slot(const struct replay_plan *plans, size_t n, uint64_t time_ns);

/* Share of the profile in the sample, (0, 1]. */
double replay_plan_share(const struct replay_plan *plan);

/* From a run of the sample (and of its empty twin) to the whole profile. */
uint64_t replay_plan_scale_wall(const struct replay_plan *plan, const struct replay_times *run,
                                const struct replay_times *empty);
uint64_t replay_plan_scale_cpu(const struct replay_plan *plan, const struct replay_times *run,
                               const struct replay_times *empty);

void replay_plan_clear(struct replay_plan *plan); /* accepts a zeroed struct */
