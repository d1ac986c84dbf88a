/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/simulate/simulate.h"

#include "analyzer/profile/profile.h"
#include "analyzer/simulate/simulate_model.h"
#include "base/base.h"

#define MAX_THREADS 256           /* beyond, stacks and the scheduler decide, and a pool that size is no advice */
#define MAX_IN_FLIGHT 1024        /* coroutines; connections at one peer run out first */
#define MAX_EXECUTOR UINT32_C(32) /* of CPython's ThreadPoolExecutor */
#define EXECUTOR_SPARE UINT32_C(4)
#define RUBY_TURN_NS (100 * NSEC_PER_MSEC) /* CRuby, thread_pthread.c: TIME_QUANTUM_MSEC */
#define WORTH_IT 0.99                      /* a larger worker count that gains less was tried in vain */
#define IN_VAIN 5                          /* so often in a row (six times the workers), and the curve ends */
#define NEARLY_BEST 1.03                   /* a larger worker count must buy more than this */

/* Taken on 2-4 core machines, on the dear side; a replay replaces them by what this machine does. */
static const struct simulate_costs costs_python = {
    .process_start_ns = 4 * NSEC_PER_MSEC, /* fork of a small interpreter, pool plumbing */
    .thread_start_ns = 100 * NSEC_PER_USEC,
    .ipc_item_ns = 120 * NSEC_PER_USEC,
    .loop_turn_ns = 40 * NSEC_PER_USEC,
    .thread_switch_ns = 15 * NSEC_PER_USEC,
};
static const struct simulate_costs costs_native = {
    .process_start_ns = 500 * NSEC_PER_USEC,
    .thread_start_ns = 30 * NSEC_PER_USEC,
    .ipc_item_ns = 10 * NSEC_PER_USEC,
    .loop_turn_ns = 3 * NSEC_PER_USEC,
    .thread_switch_ns = 5 * NSEC_PER_USEC,
};

static bool imported(const struct measurement *m, const char *package)
{
    for (size_t i = 0; i < m->n_modules; i++)
        if (strcmp(m->modules[i], package) == 0)
            return true;
    return false;
}

void simulate_costs_skip_imported(const struct measurement *m, struct simulate_costs *costs)
{
    bool loop = imported(m, "asyncio"), processes = imported(m, "multiprocessing");
    uint64_t processes_ns = costs->setup_ns[MODEL_PROCESSES];

    if (loop || processes || imported(m, "concurrent")) /* both import concurrent.futures */
        costs->setup_ns[MODEL_THREADS] = 0;
    if (loop)
        costs->setup_ns[MODEL_COROUTINES] = 0;
    if (processes)
        costs->setup_ns[MODEL_PROCESSES] = 0;
    if (loop || processes)
        costs->setup_ns[MODEL_PROCESSES_COROUTINES] = processes ? costs->setup_ns[MODEL_COROUTINES] : processes_ns;
}

void simulate_costs_from_measurement(const struct measurement *m, struct simulate_costs *ret_costs)
{
    enum runtime_kind kind = m->target.runtime.kind;
    bool interpreted = kind != RUNTIME_NATIVE && kind != RUNTIME_GO;

    *ret_costs = interpreted ? costs_python : costs_native;
    if (m->replay_process_start_ns)
        ret_costs->process_start_ns = m->replay_process_start_ns;
    if (m->replay_thread_start_ns)
        ret_costs->thread_start_ns = m->replay_thread_start_ns;
    if (m->replay_ipc_item_ns)
        ret_costs->ipc_item_ns = m->replay_ipc_item_ns;
    if (m->replay_loop_turn_ns)
        ret_costs->loop_turn_ns = m->replay_loop_turn_ns;
    if (m->replay_thread_switch_ns)
        ret_costs->thread_switch_ns = m->replay_thread_switch_ns;
    ret_costs->ipc_byte_ps = m->replay_ipc_byte_ps;
    ret_costs->setup_ns[MODEL_THREADS] = m->replay_threads_setup_ns;
    ret_costs->setup_ns[MODEL_COROUTINES] = m->replay_coroutines_setup_ns;
    ret_costs->setup_ns[MODEL_PROCESSES] = m->replay_processes_setup_ns;
    ret_costs->setup_ns[MODEL_PROCESSES_COROUTINES] = m->replay_hybrid_setup_ns;
    simulate_costs_skip_imported(m, ret_costs);
    ret_costs->slowdown = m->replay_slowdown > 1.0 ? m->replay_slowdown : 1.0;
    ret_costs->slowdown_cpus = measurement_cpus(m);
    if (kind == RUNTIME_RUBY)
        ret_costs->lock_turn_ns = RUBY_TURN_NS;
}

uint32_t simulate_executor_threads(uint32_t cpus)
{
    return cpus < MAX_EXECUTOR - EXECUTOR_SPARE ? cpus + EXECUTOR_SPARE : MAX_EXECUTOR;
}

uint32_t simulate_loop_processes(const struct profile *p, uint32_t cpus)
{
    if (!cpus || !p->n_items)
        return 1;
    return p->n_items < cpus ? (uint32_t)p->n_items : cpus;
}

int simulate(const struct profile *p, const struct simulate_costs *costs, enum model model, uint32_t workers,
             uint32_t cpus, struct simulate_result *ret_result)
{
    CLEANUP(simulate_work_clear) struct simulate_work work = {0};
    int r = simulate_work_init(p, costs, 0, &work);

    return r < 0 ? r : simulate_work_run(&work, model, workers, cpus, ret_result);
}

int simulate_current(const struct profile *p, const struct simulate_costs *costs, uint32_t cpus,
                     struct simulate_result *ret_result)
{
    CLEANUP(simulate_work_clear) struct simulate_work work = {0};
    int r = simulate_work_init(p, costs, 0, &work);

    return r < 0 ? r : simulate_work_run_current(&work, cpus, ret_result);
}

/* The largest worker count worth trying. */
static uint32_t most_workers(const struct profile *p, enum model model, uint32_t cpus)
{
    bool waits = false;
    uint64_t most;

    for (size_t i = 0; i < p->n_steps && !waits; i++)
        waits = p->steps[i].wait_ns > 0;
    switch (model) {
    case MODEL_THREADS:
        most = waits ? MAX_THREADS : 2 * (uint64_t)cpus;
        break;
    case MODEL_COROUTINES:
        if (p->nothing_to_await)
            return most_workers(p, MODEL_THREADS, cpus);
        most = waits ? MAX_IN_FLIGHT : profile_has_long_calls(p) ? 2 * (uint64_t)cpus : 1;
        break;
    case MODEL_PROCESSES_COROUTINES:
        most = waits && !p->nothing_to_await ? MAX_IN_FLIGHT : 1;
        break;
    case MODEL_PROCESSES:
        most = waits && cpus < 8 ? 16 : 2 * (uint64_t)cpus;
        break;
    default:
        most = 1;
    }
    if (p->current_model == model && p->current_workers > most)
        most = p->current_workers; /* what it does now is possible */
    if (most > p->n_items)
        most = p->n_items;
    if (model == MODEL_PROCESSES_COROUTINES && most > (p->n_items + cpus - 1) / cpus)
        most = (p->n_items + cpus - 1) / cpus; /* an even share */
    return most ? (uint32_t)most : 1;
}

/* In flight in each loop at least: of loops that were always busy nobody knows whether fewer would keep them so. */
static uint32_t least_workers(const struct profile *p, enum model model, uint32_t cpus, uint32_t most)
{
    uint32_t least = 1;

    if (model == MODEL_COROUTINES)
        least = p->busy_in_flight;
    else if (model == MODEL_PROCESSES_COROUTINES)
        least = (p->busy_in_flight + cpus - 1) / cpus;
    return least < most ? least : most;
}

/* The next candidate after `workers`: 1 2 3 4 6 8 12 16 24 ..., the number of CPUs and the limits. */
static uint32_t next_candidate(uint32_t workers, uint32_t cpus, uint32_t least, uint32_t most)
{
    const uint32_t also[] = {cpus, least, most};
    uint32_t next = 1;

    while (next <= workers)
        next = (next & (next - 1)) == 0 && next > 1 ? next + next / 2 : next < 2 ? 2 : next / 3 * 4;
    for (size_t i = 0; i < ARRAY_SIZE(also); i++)
        if (workers < also[i] && also[i] < next)
            next = also[i];
    return next;
}

int simulate_work_scaling(const struct simulate_work *work, enum model model, uint32_t cpus,
                          struct simulate_point ret_points[SIMULATE_MAX_POINTS], size_t *ret_n)
{
    uint32_t most = cpus ? most_workers(work->profile, model, cpus) : 1;
    uint32_t least = cpus ? least_workers(work->profile, model, cpus, most) : 1;
    uint64_t best_ns = UINT64_MAX;
    size_t n = 0, in_vain = 0;

    for (uint32_t workers = 1; workers <= most && n < SIMULATE_MAX_POINTS && (in_vain < IN_VAIN || workers <= least);
         workers = next_candidate(workers, cpus, least, most)) {
        int r = simulate_work_run(work, model, workers, cpus, &ret_points[n].result);

        if (r < 0)
            return r;
        in_vain = (double)ret_points[n].result.wall_ns < WORTH_IT * (double)best_ns ? 0 : in_vain + 1;
        if (ret_points[n].result.wall_ns < best_ns)
            best_ns = ret_points[n].result.wall_ns;
        ret_points[n++].workers = workers;
    }
    *ret_n = n;
    return 0;
}

int simulate_work_best(const struct simulate_work *work, enum model model, uint32_t cpus, uint32_t *ret_workers,
                       struct simulate_result *ret_result)
{
    struct simulate_point tried[SIMULATE_MAX_POINTS];
    size_t n_tried, best = 0;
    uint64_t best_ns = UINT64_MAX;
    uint32_t least;
    int r = simulate_work_scaling(work, model, cpus, tried, &n_tried);

    if (r < 0)
        return r;
    least = least_workers(work->profile, model, cpus, tried[n_tried - 1].workers);
    for (size_t i = 0; i < n_tried; i++)
        if (tried[i].result.wall_ns < best_ns)
            best_ns = tried[i].result.wall_ns;
    while (best + 1 < n_tried &&
           (tried[best].workers < least || (double)tried[best].result.wall_ns > NEARLY_BEST * (double)best_ns))
        best++;
    *ret_workers = tried[best].workers;
    if (ret_result)
        *ret_result = tried[best].result;
    return 0;
}

int simulate_scaling(const struct profile *p, const struct simulate_costs *costs, enum model model, uint32_t cpus,
                     struct simulate_point ret_points[SIMULATE_MAX_POINTS], size_t *ret_n)
{
    CLEANUP(simulate_work_clear) struct simulate_work work = {0};
    int r = simulate_work_init(p, costs, 0, &work);

    return r < 0 ? r : simulate_work_scaling(&work, model, cpus, ret_points, ret_n);
}

int simulate_best_workers(const struct profile *p, const struct simulate_costs *costs, enum model model, uint32_t cpus,
                          uint32_t *ret_workers, struct simulate_result *ret_result)
{
    CLEANUP(simulate_work_clear) struct simulate_work work = {0};
    int r = simulate_work_init(p, costs, 0, &work);

    return r < 0 ? r : simulate_work_best(&work, model, cpus, ret_workers, ret_result);
}
