/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/replay/replay_plan.h"

#include <math.h>

#include "base/base.h"

#define ROUNDS_PER_LANE 8     /* items a lane gets in a sample, so that the ragged end weighs little */
#define MIN_SAMPLE 16         /* items, where the profile has them */
#define MAX_STEPS 4096        /* in a sample: keeps the documents small */
#define STEP_NS NSEC_PER_MSEC /* steps are merged until their mean is no shorter than this */
#define MAX_THREADS 1024
#define MAX_PROCESSES 64
#define MAX_IN_FLIGHT 512 /* one descriptor each in the native loop; 1024 is the usual limit of a process */
#define SWITCH_INTERVAL_NS (5 * NSEC_PER_MSEC)
#define MIN_SWITCH_INTERVAL_NS NSEC_PER_MSEC
#define FEW_LANES 8

void replay_plan_clear(struct replay_plan *plan)
{
    free(plan->steps);
    free(plan->items);
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
    if (plan->workers > most_workers(plan->model))
        plan->workers = most_workers(plan->model);
    plan->processes = plan->model == MODEL_PROCESSES_COROUTINES ? simulate_loop_processes(p, cpus)
                      : plan->model == MODEL_PROCESSES          ? plan->workers
                                                                : 1;
    /* More in flight than an even share would let the first process take what the others are for. */
    if (plan->model == MODEL_PROCESSES_COROUTINES &&
        plan->workers > (p->n_items + plan->processes - 1) / plan->processes)
        plan->workers = (uint32_t)((p->n_items + plan->processes - 1) / plan->processes);
    plan->interpreter_lock = p->interpreter_lock;
    plan->fixed_ns = p->head_ns + p->tail_ns;
    plan->fixed_cpu_ns = p->serial_cpu_ns;
    plan->forecast_ns = result->wall_ns > plan->fixed_ns ? result->wall_ns - plan->fixed_ns : 1;
    if (plan->worker_per_item)
        plan->overhead_ns = 0;
    else if (plan->model == MODEL_THREADS)
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

int replay_plan_current(const struct profile *p, const struct simulate_costs *costs, uint32_t cpus,
                        struct replay_plan *ret_plan)
{
    struct replay_plan plan = {.current = true};
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
    plan.latency_ns = missing_latency(p, costs, &plan);
    common(p, costs, cpus, &result, &plan);
    *ret_plan = plan;
    return 0;
}

bool replay_plan_same(const struct replay_plan *a, const struct replay_plan *b)
{
    return a->model == b->model && a->workers == b->workers && a->processes == b->processes &&
           a->worker_per_item == b->worker_per_item && a->executable_serial == b->executable_serial &&
           a->latency_ns == b->latency_ns;
}

uint64_t replay_plan_slot(const struct replay_plan *plans, size_t n, uint64_t round_ns)
{
    uint64_t left_ns = round_ns, slot_ns = 0;

    for (size_t i = 0; i < n; i++) {
        if (left_ns < plans[i].overhead_ns)
            return 0;
        left_ns -= plans[i].overhead_ns;
    }
    /* Raise the slot until the round is full: those that need less leave their part to the others. */
    for (size_t pass = 0; pass <= n; pass++) {
        uint64_t taken_ns = 0;
        size_t hungry = 0;

        for (size_t i = 0; i < n; i++) {
            taken_ns += plans[i].forecast_ns < slot_ns ? plans[i].forecast_ns : slot_ns;
            hungry += plans[i].forecast_ns > slot_ns;
        }
        if (!hungry || taken_ns >= left_ns || (left_ns - taken_ns) / hungry == 0)
            break;

        uint64_t step_ns = (left_ns - taken_ns) / hungry;

        /* Up to the next plan that is satisfied, so that its surplus can be dealt again. */
        for (size_t i = 0; i < n; i++)
            if (plans[i].forecast_ns > slot_ns && plans[i].forecast_ns - slot_ns < step_ns)
                step_ns = plans[i].forecast_ns - slot_ns;
        slot_ns += step_ns;
    }
    return slot_ns;
}

/* Items and shrink for the share that fits the slot. */
static size_t choose_size(const struct profile *p, uint64_t slot_ns, const struct replay_plan *plan, double *ret_shrink)
{
    size_t lanes = (size_t)plan->workers * (plan->model == MODEL_PROCESSES_COROUTINES ? plan->processes : 1);
    double share = plan->forecast_ns > slot_ns ? (double)slot_ns / (double)plan->forecast_ns : 1.0;
    size_t least = lanes * ROUNDS_PER_LANE > MIN_SAMPLE ? lanes * ROUNDS_PER_LANE : MIN_SAMPLE;
    size_t n = (size_t)ceil(share * (double)p->n_items);

    if (n < least)
        n = least;
    if (n > MAX_STEPS)
        n = MAX_STEPS;
    if (lanes > 1 && n > lanes)
        n -= n % lanes;
    if (n + lanes > p->n_items) /* nearly all, or not enough: take all and leave no ragged end */
        n = p->n_items < MAX_STEPS ? p->n_items : n;
    *ret_shrink = fmin(1.0, share * (double)p->n_items / (double)n);
    return n;
}

/* Sums over the profile or the sample. */
struct sums {
    double locked, free, wait;
};

static struct sums sum_steps(const struct profile_step *steps, size_t n)
{
    struct sums sums = {0, 0, 0};

    for (size_t i = 0; i < n; i++) {
        sums.locked += (double)steps[i].locked_cpu_ns;
        sums.free += (double)steps[i].free_cpu_ns;
        sums.wait += (double)steps[i].wait_ns;
    }
    return sums;
}

/* Append an item with `group` consecutive steps merged, kept apart by what ran under the mutex. @return its steps */
static size_t append_item(const struct profile_step *from, size_t count, size_t group, struct profile_step *to)
{
    size_t n = 0;

    for (size_t at = 0; at < count; at += group) {
        struct profile_step merged[2] = {{.lock = 0}, {.lock = 1}};

        for (size_t i = at; i < count && i < at + group; i++) {
            struct profile_step *step = &merged[from[i].lock != 0];

            step->locked_cpu_ns += from[i].locked_cpu_ns;
            step->free_cpu_ns += from[i].free_cpu_ns;
            step->wait_ns += from[i].wait_ns;
        }
        for (size_t k = 0; k < 2; k++)
            if (merged[k].locked_cpu_ns + merged[k].free_cpu_ns + merged[k].wait_ns)
                to[n++] = merged[k];
    }
    if (!n)
        to[n++] = (struct profile_step){0};
    return n;
}

/* How many steps of an item become one: short ones cost more to execute than they last, and documents are bounded. */
static size_t merge_group(const struct profile_step *steps, size_t count, double shrink, size_t n_items)
{
    struct sums sums = sum_steps(steps, count);
    double meant = (sums.locked + sums.free + sums.wait) * shrink / (double)STEP_NS;
    double most = fmax(1.0, MAX_STEPS / (double)n_items);
    double want = fmin(fmax(meant, count > 1 ? 2.0 : 1.0), most);

    return (size_t)ceil((double)count / want);
}

static uint64_t scale(uint64_t value, double total, double sample, double share)
{
    return sample > 0 ? (uint64_t)llround((double)value * total * share / sample) : value;
}

int replay_plan_sample(const struct profile *p, uint64_t slot_ns, struct replay_plan *plan)
{
    double shrink;
    size_t n = choose_size(p, slot_ns, plan, &shrink), n_steps = 0;
    AUTO_FREE size_t *items = calloc(n, sizeof(*items));
    AUTO_FREE struct profile_step *steps = calloc(2 * (n + MAX_STEPS + p->n_steps), sizeof(*steps));
    struct sums total = sum_steps(p->steps, p->n_steps), drawn;

    if (!items || !steps)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        /* Evenly over the run: early and late items may differ. */
        const struct profile_item *item = &p->items[(size_t)(((double)i + 0.5) * (double)p->n_items / (double)n)];
        const struct profile_step *from = &p->steps[item->first_step];

        items[i] = append_item(from, item->n_steps, merge_group(from, item->n_steps, shrink, n), &steps[n_steps]);
        steps[n_steps].wait_ns += plan->latency_ns;
        n_steps += items[i];
    }
    total.wait += (double)plan->latency_ns * (double)p->n_items;
    plan->items_factor = (double)p->n_items / (double)n;
    plan->shrink = shrink;
    plan->switch_interval_ns = SWITCH_INTERVAL_NS;
    /*
     * A few lanes with waits: turns of the interpreter lock must keep their proportion to the bursts. With many, every
     * waiter wakes up once an interval, and it is that rate which must stay.
     */
    if (total.wait > 0 && shrink < 1.0 && plan->workers <= FEW_LANES)
        plan->switch_interval_ns = (uint64_t)fmax(MIN_SWITCH_INTERVAL_NS, SWITCH_INTERVAL_NS * shrink);
    drawn = sum_steps(steps, n_steps);
    for (size_t i = 0; i < n_steps; i++) {
        double share = replay_plan_share(plan);

        steps[i].locked_cpu_ns = scale(steps[i].locked_cpu_ns, total.locked, drawn.locked, share);
        steps[i].free_cpu_ns = scale(steps[i].free_cpu_ns, total.free, drawn.free, share);
        steps[i].wait_ns = scale(steps[i].wait_ns, total.wait, drawn.wait, share);
    }
    plan->items = TAKE_PTR(items);
    plan->steps = TAKE_PTR(steps);
    plan->n_items = n;
    plan->n_steps = n_steps;
    return 0;
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
