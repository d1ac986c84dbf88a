/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * simulate_model: what a model means to the engine: lanes, processes, costs.
 *
 * Knows the five models and the present arrangement. Refuses to choose among them or among worker counts.
 */

#include "analyzer/simulate/simulate.h"
#include "analyzer/simulate/simulate_trace.h"

/* A profile prepared once for many runs. */
struct simulate_work {
    const struct profile *profile;      /* the caller's; it must outlive this */
    const struct simulate_costs *costs; /* the caller's, too */
    double cpu_scale;                   /* takes the slowdown of the measured arrangement out of its CPU times; <= 1 */
    struct simulate_trace whole;
    struct simulate_trace fine; /* merged as far as no run can tell */
};

/*
 * The CPU time of items was measured while other CPUs were busy, too; alone they would have needed less. How much, is
 * found by a run of the present arrangement.
 * @param cpu_scale  0: find it; else what was found for the profile that this one was made from
 * @return 0 (simulate_work_clear()) or -ENOMEM
 */
int simulate_work_init(const struct profile *p, const struct simulate_costs *costs, double cpu_scale,
                       struct simulate_work *ret_work);
/* Only what cpu_scale would be. @return 0 or -ENOMEM */
int simulate_cpu_scale(const struct profile *p, const struct simulate_costs *costs, double *ret_scale);
void simulate_work_clear(struct simulate_work *work); /* accepts a zeroed struct */

/* As simulate(). */
int simulate_work_run(const struct simulate_work *work, enum model model, uint32_t workers, uint32_t cpus,
                      struct simulate_result *ret_result);

/* As simulate_current(). */
int simulate_work_run_current(const struct simulate_work *work, uint32_t cpus, struct simulate_result *ret_result);

/* As simulate_scaling(). */
int simulate_work_scaling(const struct simulate_work *work, enum model model, uint32_t cpus,
                          struct simulate_point ret_points[SIMULATE_MAX_POINTS], size_t *ret_n);

/* As simulate_best_workers(). */
int simulate_work_best(const struct simulate_work *work, enum model model, uint32_t cpus, uint32_t *ret_workers,
                       struct simulate_result *ret_result);
