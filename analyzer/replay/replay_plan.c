/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/replay/replay_plan.h"

#include <math.h>

#include "base/base.h"

#define MAX_THREADS 1024
#define MAX_PROCESSES 256
#define MAX_IN_FLIGHT 1024 /* as many as the simulation tries; one descriptor each in the native loop */

void replay_plan_clear(struct replay_plan *plan)
{
    free(plan->steps);
    free(plan->items);
    free(plan->phases);
    free(plan->lanes);
    free(plan->stage_lanes);
    *plan = (struct replay_plan){0};
}

static uint32_t most_workers(enum model model)
{
    switch (model) {
    case MODEL_THREADS:
        return MAX_THREADS;
    case MODEL_PROCESSES:
        return MAX_PROCESSES;
    case MODEL_SERIAL:
        return 1;
    default:
        return MAX_IN_FLIGHT;
    }
}

static void common(const struct profile *p, const struct simulate_costs *costs, uint32_t cpus,
                   const struct simulate_result *result, struct replay_plan *plan)
{
    plan->beside_the_loop = p->commands && plan->model == MODEL_COROUTINES && !plan->executable_serial;
    if (plan->workers > most_workers(plan->beside_the_loop ? MODEL_THREADS : plan->model))
        plan->workers = most_workers(plan->beside_the_loop ? MODEL_THREADS : plan->model);
    plan->processes = plan->model == MODEL_PROCESSES_COROUTINES ? simulate_loop_processes(p, cpus)
                      : plan->model == MODEL_PROCESSES          ? plan->workers
                                                                : 1;
    /* More in flight than an even share would let the first process take what the others are for. */
    if (plan->model == MODEL_PROCESSES_COROUTINES &&
        plan->workers > (p->n_items + plan->processes - 1) / plan->processes)
        plan->workers = (uint32_t)((p->n_items + plan->processes - 1) / plan->processes);
    plan->interpreter_lock = p->interpreter_lock;
    plan->fixed_ns = simulate_fixed_ns(p, costs, plan->model);
    plan->fixed_cpu_ns = p->serial_cpu_ns;
    for (uint32_t i = 0; i < p->n_phases; i++) {
        plan->fixed_ns += p->phases[i].serial_ns;
        plan->fixed_cpu_ns += p->phases[i].serial_cpu_ns;
    }
    plan->forecast_ns = result->wall_ns > plan->fixed_ns ? result->wall_ns - plan->fixed_ns : 1;
    plan->nothing_to_await = p->nothing_to_await && plan->executor;
    if (plan->worker_per_item)
        plan->overhead_ns = 0;
    else if (plan->model == MODEL_THREADS || plan->nothing_to_await)
        plan->overhead_ns = costs->thread_start_ns * plan->workers;
    else if (plan->processes > 1)
        plan->overhead_ns = costs->process_start_ns * plan->processes;
}

int replay_plan_model(const struct profile *p, const struct simulate_costs *costs, enum model model, uint32_t cpus,
                      struct replay_plan *ret_plan)
{
    struct replay_plan plan = {.model = model};
    struct simulate_result result;
    int r = simulate_best_workers(p, costs, model, cpus, &plan.workers, &result);

    if (r < 0)
        return r;
    plan.executor = model == MODEL_COROUTINES && profile_has_long_calls(p) ? simulate_executor_threads(cpus) : 0;
    common(p, costs, cpus, &result, &plan);
    *ret_plan = plan;
    return 0;
}

/*
 * What the program pays for each item by its arrangement (lanes that wait for each other, round trips), beyond what the
 * replayer pays for the same by itself. It is executed as a wait.
 */
static uint64_t missing_latency(const struct profile *p, const struct simulate_costs *costs,
                                const struct replay_plan *plan)
{
    uint64_t paid_ns = p->ipc_ns_per_item + p->switch_ns_per_item;
    uint64_t own_ns = plan->model == MODEL_PROCESSES ? costs->ipc_item_ns : costs->thread_switch_ns;

    if (plan->worker_per_item || (plan->model != MODEL_THREADS && plan->model != MODEL_PROCESSES))
        return 0;
    return paid_ns > own_ns ? paid_ns - own_ns : 0;
}

/* Stages and fixed lanes, as far as the model has workers that can be told apart. @return 0 or -ENOMEM */
static int arrange_as_recorded(const struct profile *p, struct replay_plan *plan)
{
    bool pool = (plan->model == MODEL_THREADS || plan->model == MODEL_PROCESSES) && !plan->worker_per_item;
    uint64_t workers = 0;

    for (uint16_t i = 0; pool && i < p->n_stages; i++)
        workers += p->stage_lanes[i] ? p->stage_lanes[i] : 1;
    if (pool && p->n_stages > 1 && workers <= most_workers(plan->model)) {
        plan->stage_lanes = calloc(p->n_stages, sizeof(*plan->stage_lanes));
        if (!plan->stage_lanes)
            return -ENOMEM;
        for (uint16_t i = 0; i < p->n_stages; i++)
            plan->stage_lanes[i] = p->stage_lanes[i] ? p->stage_lanes[i] : 1;
        plan->n_stages = p->n_stages;
        plan->staged = true;
        plan->workers = (uint32_t)workers;
        return 0;
    }
    plan->fixed_lanes = p->fixed_lanes && p->n_lanes > 1 && p->n_lanes <= most_workers(plan->model) &&
                        (pool || (plan->model == MODEL_COROUTINES && !plan->executable_serial));
    if (plan->fixed_lanes)
        plan->workers = p->n_lanes;
    return 0;
}

int replay_plan_current(const struct profile *p, const struct simulate_costs *costs, uint32_t cpus,
                        struct replay_plan *ret_plan)
{
    CLEANUP(replay_plan_clear) struct replay_plan plan = {.current = true};
    struct simulate_result result;
    int r = simulate_current(p, costs, cpus, &result);

    if (r < 0)
        return r;
    plan.model = p->current_model == MODEL_NONE ? MODEL_SERIAL : p->current_model;
    plan.workers = p->current_workers ? p->current_workers : 1;
    plan.worker_per_item = p->one_worker_per_item && (plan.model == MODEL_THREADS || plan.model == MODEL_PROCESSES);
    plan.executable_serial = p->event_loop_blocked && plan.model == MODEL_COROUTINES;
    if (plan.executable_serial)
        plan.workers = 1;
    if (plan.model == MODEL_PROCESSES_COROUTINES) {
        uint32_t processes = simulate_loop_processes(p, cpus);

        plan.workers = p->event_loop_blocked ? 1 : (plan.workers + processes - 1) / processes;
    }
    plan.recorded = plan.workers;
    plan.executor = plan.model == MODEL_COROUTINES ? p->executor_threads : 0;
    plan.latency_ns = missing_latency(p, costs, &plan);
    r = arrange_as_recorded(p, &plan);
    if (r < 0)
        return r;
    common(p, costs, cpus, &result, &plan);
    if (plan.workers < plan.recorded)
        plan.recorded = plan.workers;
    *ret_plan = plan;
    plan.stage_lanes = NULL; /* the caller's now */
    return 0;
}

bool replay_plan_same(const struct replay_plan *a, const struct replay_plan *b)
{
    return a->model == b->model && a->workers == b->workers && a->processes == b->processes &&
           a->worker_per_item == b->worker_per_item && a->executable_serial == b->executable_serial &&
           a->executor == b->executor && a->beside_the_loop == b->beside_the_loop && a->fixed_lanes == b->fixed_lanes &&
           a->staged == b->staged && a->latency_ns == b->latency_ns;
}

/* Time of all runs with samples of that length. */
static double time_with_slot(const struct replay_plan *plans, size_t n, uint64_t slot_ns)
{
    double sum_ns = 0;

    for (size_t i = 0; i < n; i++) {
        double runs = plans[i].runs ? plans[i].runs : 1;

        sum_ns += runs * ((double)plans[i].overhead_ns + fmin((double)plans[i].forecast_ns, (double)slot_ns));
    }
    return sum_ns;
}

uint64_t replay_plan_slot(const struct replay_plan *plans, size_t n, uint64_t time_ns)
{
    uint64_t low_ns = 0, high_ns = 0;

    for (size_t i = 0; i < n; i++)
        high_ns = plans[i].forecast_ns > high_ns ? plans[i].forecast_ns : high_ns;
    /* Those that need less leave their part to the others; the largest slot that fits is found by halving. */
    while (low_ns < high_ns) {
        uint64_t slot_ns = low_ns + (high_ns - low_ns + 1) / 2;

        if (time_with_slot(plans, n, slot_ns) <= (double)time_ns)
            low_ns = slot_ns;
        else
            high_ns = slot_ns - 1;
    }
    return low_ns;
}

double replay_plan_share(const struct replay_plan *plan)
{
    return plan->shrink / plan->items_factor;
}

/* Cost per item is multiplied by the items left out, durations by the items and the shrink, the start by nothing. */
static uint64_t scale_times(const struct replay_plan *plan, uint64_t run_ns, uint64_t start_ns, uint64_t empty_ns)
{
    double items_ns = plan->shrink < 1.0 ? (double)empty_ns : 0.0;
    double work_ns = (double)run_ns - (double)start_ns - items_ns;

    return start_ns + (uint64_t)llround(plan->items_factor * (items_ns + fmax(0.0, work_ns) / plan->shrink));
}

uint64_t replay_plan_scale_wall(const struct replay_plan *plan, const struct replay_times *run,
                                const struct replay_times *empty)
{
    return plan->fixed_ns + scale_times(plan, run->wall_ns, run->start_ns, empty->wall_ns - empty->start_ns);
}

uint64_t replay_plan_scale_cpu(const struct replay_plan *plan, const struct replay_times *run,
                               const struct replay_times *empty)
{
    return plan->fixed_cpu_ns + scale_times(plan, run->cpu_ns, 0, empty->cpu_ns);
}
