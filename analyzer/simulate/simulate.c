/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/simulate/simulate.h"

#include <math.h>

#include "analyzer/profile/profile.h"
#include "analyzer/simulate/simulate_engine.h"
#include "analyzer/simulate/simulate_jobs.h"
#include "base/base.h"

#define MAX_THREADS 256    /* beyond, stacks and the scheduler decide, and a pool that size is no advice */
#define MAX_IN_FLIGHT 1024 /* coroutines; connections at one peer run out first */
#define NEARLY_BEST 1.03   /* a larger worker count must buy more than this */

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
    ret_costs->slowdown = m->replay_slowdown > 1.0 ? m->replay_slowdown : 1.0;
}

uint32_t simulate_loop_processes(const struct profile *p, uint32_t cpus)
{
    if (!cpus || !p->n_items)
        return 1;
    return p->n_items < cpus ? (uint32_t)p->n_items : cpus;
}

/* What a model adds to the work, and who may run at once. */
static void describe_model(const struct profile *p, const struct simulate_costs *costs, enum model model,
                           uint32_t workers, uint32_t cpus, struct simulate_setup *setup, struct simulate_extra *extra)
{
    uint64_t lanes = workers;

    *setup = (struct simulate_setup){.processes = 1, .cpus = cpus, .interpreter_lock = p->interpreter_lock};
    *extra = (struct simulate_extra){0};
    switch (model) {
    case MODEL_THREADS:
        setup->start_serial_ns = (double)costs->thread_start_ns;
        extra->wait_cpu_ns = (double)costs->thread_switch_ns;
        break;
    case MODEL_COROUTINES:
        setup->one_core = true;
        extra->wait_cpu_ns = (double)costs->loop_turn_ns;
        break;
    case MODEL_PROCESSES:
    case MODEL_PROCESSES_COROUTINES:
        setup->processes = model == MODEL_PROCESSES ? workers : simulate_loop_processes(p, cpus);
        setup->one_core = model == MODEL_PROCESSES_COROUTINES;
        /* fork() keeps the parent for about half of the time, the child's own start takes the other half. */
        setup->start_serial_ns = (double)costs->process_start_ns / 2;
        setup->start_cpu_ns = (double)costs->process_start_ns / 2;
        extra->item_cpu_ns = (double)costs->ipc_item_ns;
        extra->item_gate_ns = (double)costs->ipc_item_ns / 2;
        extra->wait_cpu_ns = (double)(setup->one_core ? costs->loop_turn_ns : costs->thread_switch_ns);
        if (setup->one_core)
            lanes *= setup->processes;
        break;
    default:
        lanes = 1;
    }
    setup->lanes = lanes < p->n_items ? (uint32_t)lanes : (uint32_t)(p->n_items ? p->n_items : 1);
    if (setup->processes > setup->lanes)
        setup->processes = setup->lanes;
    /* Coroutines of one process share its start. */
    if (model == MODEL_PROCESSES_COROUTINES) {
        setup->start_serial_ns *= (double)setup->processes / setup->lanes;
        setup->start_cpu_ns *= (double)setup->processes / setup->lanes;
    }
}

static int run_setup(const struct profile *p, struct simulate_setup *setup, const struct simulate_extra *extra,
                     struct simulate_result *ret_result)
{
    CLEANUP(simulate_jobs_clear) struct simulate_jobs jobs = {0};
    double wall_ns, cpu_ns;
    int r = simulate_jobs_build(p, extra, setup->lanes, &jobs);

    if (r < 0)
        return r;
    if (jobs.parallel > 1) {
        setup->lanes = (setup->lanes + jobs.parallel - 1) / jobs.parallel;
        setup->start_serial_ns *= jobs.parallel;
        setup->start_cpu_ns *= jobs.parallel;
        if (setup->processes > setup->lanes)
            setup->lanes = setup->processes;
    }
    r = simulate_engine_run(&jobs, setup, &wall_ns, &cpu_ns);
    if (r < 0)
        return r;
    ret_result->wall_ns = p->head_ns + p->tail_ns + (uint64_t)llround(wall_ns);
    ret_result->cpu_ns = p->serial_cpu_ns + (uint64_t)llround(cpu_ns);
    return 0;
}

int simulate(const struct profile *p, const struct simulate_costs *costs, enum model model, uint32_t workers,
             uint32_t cpus, struct simulate_result *ret_result)
{
    struct simulate_setup setup;
    struct simulate_extra extra;

    if (!workers || !cpus || model < 0 || model >= MODEL_COUNT)
        return -EINVAL;
    describe_model(p, costs, model, workers, cpus, &setup, &extra);
    return run_setup(p, &setup, &extra, ret_result);
}

int simulate_current(const struct profile *p, const struct simulate_costs *costs, uint32_t cpus,
                     struct simulate_result *ret_result)
{
    enum model model = p->current_model == MODEL_NONE ? MODEL_SERIAL : p->current_model;
    uint32_t workers = p->event_loop_blocked || !p->current_workers ? 1 : p->current_workers;
    struct simulate_setup setup;
    struct simulate_extra extra;

    if (!cpus)
        return -EINVAL;
    if (model == MODEL_PROCESSES_COROUTINES) /* current_workers counts all lanes, the model's parameter one process */
        workers = (workers + simulate_loop_processes(p, cpus) - 1) / simulate_loop_processes(p, cpus);
    describe_model(p, costs, model, workers, cpus, &setup, &extra);
    if (p->ipc_ns_per_item + p->switch_ns_per_item) { /* measured: better than the general figure */
        extra.item_cpu_ns = 0;
        extra.item_gate_ns = 0;
    }
    extra.item_wait_ns = (double)(p->ipc_ns_per_item + p->switch_ns_per_item);
    if (p->one_worker_per_item) {
        bool measured = extra.item_wait_ns > 0;

        extra.item_gate_ns = measured ? 0 : setup.start_serial_ns;
        extra.item_cpu_ns = measured ? 0 : setup.start_cpu_ns;
        setup.start_serial_ns = 0;
        setup.start_cpu_ns = 0;
    }
    return run_setup(p, &setup, &extra, ret_result);
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
    case MODEL_PROCESSES_COROUTINES:
        most = waits ? MAX_IN_FLIGHT : 1;
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

/* The next candidate after `workers`: 1 2 3 4 6 8 12 16 24 ..., the number of CPUs and the limit. */
static uint32_t next_candidate(uint32_t workers, uint32_t cpus, uint32_t most)
{
    uint32_t next = 1;

    while (next <= workers)
        next = (next & (next - 1)) == 0 && next > 1 ? next + next / 2 : next < 2 ? 2 : next / 3 * 4;
    if (workers < cpus && cpus < next)
        next = cpus;
    if (workers < most && most < next)
        next = most;
    return next;
}

int simulate_scaling(const struct profile *p, const struct simulate_costs *costs, enum model model, uint32_t cpus,
                     struct simulate_point ret_points[SIMULATE_MAX_POINTS], size_t *ret_n)
{
    uint32_t most = most_workers(p, model, cpus);
    size_t n = 0;

    for (uint32_t workers = 1; workers <= most && n < SIMULATE_MAX_POINTS;
         workers = next_candidate(workers, cpus, most)) {
        int r = simulate(p, costs, model, workers, cpus, &ret_points[n].result);

        if (r < 0)
            return r;
        ret_points[n++].workers = workers;
    }
    *ret_n = n;
    return 0;
}

int simulate_best_workers(const struct profile *p, const struct simulate_costs *costs, enum model model, uint32_t cpus,
                          uint32_t *ret_workers, struct simulate_result *ret_result)
{
    struct simulate_point tried[SIMULATE_MAX_POINTS];
    size_t n_tried;
    uint64_t best_ns = UINT64_MAX;
    int r = simulate_scaling(p, costs, model, cpus, tried, &n_tried);

    if (r < 0)
        return r;
    for (size_t i = 0; i < n_tried; i++)
        if (tried[i].result.wall_ns < best_ns)
            best_ns = tried[i].result.wall_ns;
    for (size_t i = 0; i < n_tried; i++) {
        if ((double)tried[i].result.wall_ns > NEARLY_BEST * (double)best_ns)
            continue;
        *ret_workers = tried[i].workers;
        if (ret_result)
            *ret_result = tried[i].result;
        return 0;
    }
    return -EINVAL;
}
