/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/simulate/simulate_model.h"

#include <math.h>

#include "analyzer/profile/profile.h"
#include "analyzer/simulate/simulate_engine.h"
#include "base/base.h"

#define FINE_STEPS 8192  /* what all runs of a curve start from: as many as the largest of them needs */
#define FINE_LANES 256   /* with ends ragged enough for so many workers */
#define RUN_STEPS 2048   /* enough for any shape the models can tell apart, small enough for dozens of runs */
#define STEPS_PER_LANE 8 /* but a lane must have some to do */
#define LOCK_TURN_NS 5e6 /* CPython: sys.getswitchinterval() */
#define MAX_LANES (UINT32_C(1) << 20)

static enum model current_model(const struct profile *p)
{
    return p->current_model == MODEL_NONE ? MODEL_SERIAL : p->current_model;
}

/* Is that a loop whose tasks live in threads? The present one hands over what it was seen to. */
static bool only_hands_over(const struct profile *p, enum model model, bool present)
{
    return model == MODEL_COROUTINES && p->nothing_to_await && (p->executor_threads || !present);
}

/* CPU around one wait: the measured steps contain that of the present model. */
static double turn_cost(const struct profile *p, const struct simulate_costs *costs, enum model model, bool present)
{
    bool loop = model == MODEL_COROUTINES || model == MODEL_PROCESSES_COROUTINES;

    return (double)(loop && !only_hands_over(p, model, present) ? costs->loop_turn_ns : costs->thread_switch_ns);
}

/* An item to a worker process and its result back. */
static double ipc_cost(const struct simulate_costs *costs)
{
    return (double)costs->ipc_item_ns + (double)costs->ipc_byte_ps * (double)costs->ipc_item_bytes / 1000.0;
}

/*
 * One loop, and the threads it hands to what would make it stand still: as many as asyncio's own executor has, which is
 * as good as any number from the CPUs on. A burst is handed over by a wake-up and comes back by one and a turn. Where
 * there is nothing that a loop could await, whole tasks live in such threads.
 */
static void describe_loop(const struct simulate_work *work, uint32_t cpus, struct simulate_setup *s)
{
    const struct simulate_costs *costs = work->costs;

    s->one_core = !work->profile->nothing_to_await;
    s->executor = simulate_executor_threads(cpus);
    s->offload_cpu_ns = (double)costs->loop_turn_ns + 2 * (double)costs->thread_switch_ns;
    if (!s->one_core)
        s->start_serial_ns = (double)costs->thread_start_ns;
}

/* What a model adds to the work, and who may run at once. */
static struct simulate_setup describe_model(const struct simulate_work *work, enum model model, uint32_t workers,
                                            uint32_t cpus)
{
    const struct profile *p = work->profile;
    const struct simulate_costs *costs = work->costs;
    uint64_t lanes = model == MODEL_SERIAL ? 1 : workers, most = p->n_items ? p->n_items : 1;
    struct simulate_setup s = {
        .processes = 1,
        .cpus = cpus,
        .cpu_scale = work->cpu_scale,
        .interpreter_lock = p->interpreter_lock,
        .wait_cpu_ns = turn_cost(p, costs, model, false) - turn_cost(p, costs, current_model(p), true),
        .lock_turn_ns = costs->lock_turn_ns ? (double)costs->lock_turn_ns : LOCK_TURN_NS,
        .lock_switch_ns = (double)costs->thread_switch_ns,
        .slowdown = fmax(costs->slowdown, 1.0),
        .slowdown_cpus = costs->slowdown_cpus > cpus ? costs->slowdown_cpus : cpus,
    };

    s.one_core = model == MODEL_PROCESSES_COROUTINES;
    if (model == MODEL_COROUTINES)
        describe_loop(work, cpus, &s);
    s.one_core &= !p->commands;
    if (model == MODEL_THREADS)
        s.start_serial_ns = (double)costs->thread_start_ns;
    if (model == MODEL_PROCESSES)
        s.processes = workers < most ? workers : (uint32_t)most;
    if (model == MODEL_PROCESSES_COROUTINES) {
        s.processes = simulate_loop_processes(p, cpus);
        lanes = p->nothing_to_await ? s.processes : lanes * s.processes; /* each call stops its loop */
    }
    s.lanes = (uint32_t)(lanes < most ? lanes : most);
    if (s.lanes > MAX_LANES)
        s.lanes = MAX_LANES;
    if (s.processes > s.lanes)
        s.processes = s.lanes;
    if (model == MODEL_PROCESSES || model == MODEL_PROCESSES_COROUTINES) {
        /* fork() keeps the parent for about half of the time, the child's own start takes the other half. */
        s.start_serial_ns = s.start_cpu_ns = (double)costs->process_start_ns / 2 * s.processes / s.lanes;
        /*
         * It was measured with one worker, whose dispatcher had more to do than the worker, or as much. Loops take
         * several items at a time, or accept their connections themselves: there it is the other way round.
         */
        s.item_cpu_ns = ipc_cost(costs) / (model == MODEL_PROCESSES_COROUTINES ? 1 : 2);
        s.item_gate_ns = ipc_cost(costs) / (model == MODEL_PROCESSES_COROUTINES ? 2 : 1);
        s.prefetch = s.lanes;
    }
    return s;
}

static int run_setup(const struct simulate_work *work, enum model model, const struct simulate_trace *trace,
                     const struct simulate_setup *setup, bool by_lane, struct simulate_result *ret_result,
                     struct simulate_totals *ret_totals)
{
    CLEANUP(simulate_trace_clear) struct simulate_trace merged = {0};
    size_t budget =
        (size_t)setup->lanes * STEPS_PER_LANE > RUN_STEPS ? (size_t)setup->lanes * STEPS_PER_LANE : RUN_STEPS;
    int r = 0;

    if (by_lane || trace->n_steps > budget) {
        r = simulate_trace_merge(trace, setup->lanes, by_lane, budget, &merged);
        trace = &merged;
    }
    if (r == 0)
        r = simulate_engine_run(trace, setup, ret_totals);
    if (r < 0)
        return r;
    ret_result->wall_ns = simulate_fixed_ns(work->profile, work->costs, model) + (uint64_t)llround(ret_totals->wall_ns);
    ret_result->cpu_ns = work->profile->serial_cpu_ns + (uint64_t)llround(ret_totals->cpu_ns);
    return 0;
}

int simulate_work_run(const struct simulate_work *work, enum model model, uint32_t workers, uint32_t cpus,
                      struct simulate_result *ret_result)
{
    struct simulate_totals totals;
    struct simulate_setup setup;

    if (!workers || !cpus || model < 0 || model >= MODEL_COUNT)
        return -EINVAL;
    setup = describe_model(work, model, workers, cpus);
    return run_setup(work, model, &work->fine, &setup, false, ret_result, &totals);
}

uint64_t simulate_fixed_ns(const struct profile *p, const struct simulate_costs *costs, enum model model)
{
    return p->head_ns + p->tail_ns + (model == current_model(p) ? 0 : costs->setup_ns[model]);
}

/* Lanes of each stage, and how many they are. */
static void use_stages(const struct profile *p, struct simulate_setup *setup)
{
    uint64_t lanes = 0;

    for (uint16_t i = 0; i < p->n_stages; i++)
        lanes += p->stage_lanes[i];
    if (!lanes || lanes > MAX_LANES)
        return;
    if (setup->processes == setup->lanes)
        setup->processes = (uint32_t)lanes;
    setup->lanes = (uint32_t)lanes;
    setup->stage_lanes = p->stage_lanes;
}

/* What the program pays per item was measured, or it is the general cost of what it does. */
static void use_present_costs(const struct profile *p, struct simulate_setup *setup)
{
    setup->item_delay_ns = (double)(p->ipc_ns_per_item + p->switch_ns_per_item);
    if (setup->item_delay_ns > 0) {
        setup->item_cpu_ns = 0;
        setup->item_gate_ns = 0;
    }
    if (p->one_worker_per_item) {
        bool measured = setup->item_delay_ns > 0;

        setup->item_gate_ns = measured ? 0 : setup->start_serial_ns;
        setup->item_cpu_ns = measured ? 0 : setup->start_cpu_ns;
        setup->start_serial_ns = 0;
        setup->start_cpu_ns = 0;
        setup->prefetch = 0; /* a worker is created when another one has ended */
    }
}

static int run_current(const struct simulate_work *work, uint32_t cpus, struct simulate_result *ret_result,
                       struct simulate_totals *ret_totals)
{
    const struct profile *p = work->profile;
    enum model model = current_model(p);
    uint32_t workers = p->event_loop_blocked || !p->current_workers ? 1 : p->current_workers;
    bool staged = p->n_stages > 1 && p->stage_lanes && !p->event_loop_blocked;
    struct simulate_setup setup;

    if (model == MODEL_PROCESSES_COROUTINES) /* current_workers counts all lanes, the model's parameter one process */
        workers = (workers + simulate_loop_processes(p, cpus) - 1) / simulate_loop_processes(p, cpus);
    setup = describe_model(work, model, workers, cpus);
    use_present_costs(p, &setup);
    setup.executor = p->executor_threads;
    setup.one_core |= model == MODEL_COROUTINES && !p->commands && !only_hands_over(p, model, true);
    if (staged)
        use_stages(p, &setup);
    bool by_lane = p->fixed_lanes && !setup.stage_lanes;

    if (by_lane)
        setup.item_gate_ns = 0; /* each lane knew its items from the start */
    return run_setup(work, model, by_lane ? &work->whole : &work->fine, &setup, by_lane, ret_result, ret_totals);
}

int simulate_work_run_current(const struct simulate_work *work, uint32_t cpus, struct simulate_result *ret_result)
{
    struct simulate_totals totals;

    return cpus ? run_current(work, cpus, ret_result, &totals) : -EINVAL;
}

static bool has_slowdown(const struct profile *p, const struct simulate_costs *costs)
{
    return costs->slowdown > 1 && costs->slowdown_cpus > 1 && p->current_workers > 1;
}

/* Run as it is now with the CPU times as they were measured: how many CPUs were busy at once? */
static int find_cpu_scale(struct simulate_work *work)
{
    const struct simulate_costs *costs = work->costs;
    struct simulate_costs alone = *costs;
    struct simulate_result result;
    struct simulate_totals totals = {.busy = 1};
    int r;

    work->cpu_scale = 1;
    if (!has_slowdown(work->profile, costs))
        return 0;
    alone.slowdown = 1;
    work->costs = &alone;
    r = run_current(work, costs->slowdown_cpus, &result, &totals);
    work->costs = costs;
    work->cpu_scale = 1 / (1 + (costs->slowdown - 1) * (totals.busy - 1) / (costs->slowdown_cpus - 1));
    return r;
}

int simulate_work_init(const struct profile *p, const struct simulate_costs *costs, double cpu_scale,
                       struct simulate_work *ret_work)
{
    CLEANUP(simulate_work_clear) struct simulate_work work = {.profile = p, .costs = costs, .cpu_scale = cpu_scale};
    int r = simulate_trace_from_profile(p, &work.whole);

    if (r == 0)
        r = simulate_trace_merge(&work.whole, FINE_LANES, false, FINE_STEPS, &work.fine);
    if (r == 0 && cpu_scale <= 0)
        r = find_cpu_scale(&work);
    if (r < 0)
        return r;
    *ret_work = work;
    work = (struct simulate_work){0};
    return 0;
}

int simulate_cpu_scale(const struct profile *p, const struct simulate_costs *costs, double *ret_scale)
{
    CLEANUP(simulate_work_clear) struct simulate_work work = {.cpu_scale = 1};
    int r = has_slowdown(p, costs) ? simulate_work_init(p, costs, 0, &work) : 0;

    if (r == 0)
        *ret_scale = work.cpu_scale;
    return r;
}

void simulate_work_clear(struct simulate_work *work)
{
    simulate_trace_clear(&work->whole);
    simulate_trace_clear(&work->fine);
}
