/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/simulate/simulate_engine.h"

#include <math.h>

#include "analyzer/simulate/simulate_state.h"
#include "base/base.h"

static const struct simulate_step *step_of(const struct engine *e, const struct lane *lane)
{
    return &e->trace->steps[e->trace->items[lane->item].first + lane->step];
}

static void begin_step(struct engine *e, uint32_t id);
static void next_work(struct engine *e, uint32_t id);

/* --- The steps of a lane, from one blocking point to the next; each function falls through to the following one. ---
 */

/* What was measured, with this model's price of its waits; a price below zero takes no more away than there is. */
static double priced_locked(const struct engine *e, const struct simulate_step *step)
{
    return step->locked_ns * e->setup->cpu_scale + e->setup->wait_cpu_ns * step->waits;
}

static double locked_of(const struct engine *e, const struct lane *lane)
{
    double ns = fmax(0, priced_locked(e, step_of(e, lane)));

    if (lane->step == 0)
        ns += e->setup->item_cpu_ns * e->trace->items[lane->item].original;
    return ns;
}

static double free_of(const struct engine *e, const struct lane *lane)
{
    double ns = step_of(e, lane)->free_ns * e->setup->cpu_scale;

    return fmax(0, ns + fmin(0, priced_locked(e, step_of(e, lane))));
}

/* Does a thread behind the loop do this step's CPU that needs no lock? */
static bool is_offloaded(const struct engine *e, const struct lane *lane)
{
    return e->setup->one_core && e->setup->executor && step_of(e, lane)->offload;
}

static void after_wait(struct engine *e, uint32_t id);

static void begin_wait(struct engine *e, uint32_t id)
{
    struct lane *lane = &e->lanes[id];
    const struct simulate_step *step = step_of(e, lane);
    double wait_ns = step->wait_ns;

    if (lane->step == 0 && step->lock)
        wait_ns += e->setup->item_delay_ns * e->trace->items[lane->item].original;
    lane->state = LANE_WAIT;
    if (wait_ns > 0)
        simulate_heap_push(&e->waiting, id, e->now + wait_ns);
    else
        after_wait(e, id);
}

static void begin_free(struct engine *e, uint32_t id)
{
    struct lane *lane = &e->lanes[id];
    double free_ns = e->setup->one_core && !is_offloaded(e, lane) ? 0 : free_of(e, lane);

    if (!e->setup->one_core && !e->setup->interpreter_lock)
        free_ns += locked_of(e, lane);
    lane->state = LANE_FREE;
    lane->left_ns = free_ns;
    if (free_ns > 0 && e->setup->one_core)
        simulate_executor_request(e, id);
    else if (free_ns > 0)
        simulate_run(e, id, free_ns);
    else
        begin_wait(e, id);
}

static void begin_cpu(struct engine *e, uint32_t id)
{
    struct lane *lane = &e->lanes[id];

    lane->state = LANE_LOCKED;
    lane->left_ns = is_offloaded(e, lane) ? locked_of(e, lane) + e->setup->offload_cpu_ns * step_of(e, lane)->bursts
                    : e->setup->one_core  ? locked_of(e, lane) + free_of(e, lane)
                    : e->setup->interpreter_lock ? locked_of(e, lane)
                                                 : 0;
    if (lane->left_ns > 0)
        simulate_core_request(e, id);
    else
        begin_free(e, id);
}

static void begin_step(struct engine *e, uint32_t id)
{
    struct lane *lane = &e->lanes[id];
    struct mutex *mutex = &e->mutexes[step_of(e, lane)->lock];

    if (step_of(e, lane)->lock) {
        if (mutex->holder != SIMULATE_NOBODY) {
            lane->state = LANE_MUTEX;
            simulate_queue_push(e, &mutex->waiting, id);
            return;
        }
        mutex->holder = id;
    }
    begin_cpu(e, id);
}

static void release_mutex(struct engine *e, uint16_t lock)
{
    struct mutex *mutex = &e->mutexes[lock];

    if (!lock)
        return;
    mutex->holder = simulate_queue_pop(e, &mutex->waiting);
    if (mutex->holder != SIMULATE_NOBODY)
        begin_cpu(e, mutex->holder);
}

/* --- Items: from the dispatcher to the lanes, from stage to stage. --- */

static const struct simulate_phase *phase_of(const struct engine *e)
{
    return &e->trace->phases[e->phase];
}

static void begin_item(struct engine *e, uint32_t id)
{
    struct lane *lane = &e->lanes[id];
    const struct simulate_item *item = &e->trace->items[lane->item];
    bool fresh = lane->step == 0 && e->setup->item_delay_ns > 0 && !step_of(e, lane)->lock;

    if (fresh) {
        lane->state = LANE_DELAY;
        simulate_heap_push(&e->waiting, id, e->now + e->setup->item_delay_ns * item->original);
    } else {
        begin_step(e, id);
    }
}

/* The dispatcher works ahead by a few items, then only when somebody asks. */
static void dispatch(struct engine *e)
{
    if (e->dispatching || e->dispatched >= e->end_item || (!e->n_gate && e->ready >= e->setup->prefetch))
        return;
    e->dispatching = true;
    simulate_run(e, simulate_dispatcher_id(e), e->setup->item_gate_ns * e->trace->items[e->dispatched].original);
}

static void take_item(struct engine *e, uint32_t id)
{
    e->lanes[id].item = e->next_item++;
    e->lanes[id].step = 0;
    begin_item(e, id);
}

static void dispatched(struct engine *e)
{
    uint32_t id = simulate_queue_pop(e, &e->gate);

    e->dispatching = false;
    e->dispatched++;
    if (id != SIMULATE_NOBODY) {
        e->n_gate--;
        take_item(e, id);
    } else {
        e->ready++;
    }
    dispatch(e);
}

static void go_idle(struct engine *e, uint32_t id)
{
    struct lane *lane = &e->lanes[id];

    lane->state = LANE_IDLE;
    simulate_queue_push(e, &e->idle[lane->stage], id);
}

/* What a lane does next: what waits for its stage, else an item of the bag. */
static void next_work(struct engine *e, uint32_t id)
{
    struct lane *lane = &e->lanes[id];
    struct queue *passed = e->passed ? &e->passed[lane->stage] : NULL;

    if (passed && passed->head != SIMULATE_NOBODY) {
        lane->item = passed->head;
        passed->head = e->item_next[lane->item];
        lane->step = e->item_step[lane->item];
        begin_item(e, id);
    } else if (passed || e->next_item + e->n_gate >= e->end_item) {
        go_idle(e, id);
    } else if (e->setup->item_gate_ns <= 0) {
        take_item(e, id);
    } else if (e->ready) {
        e->ready--;
        take_item(e, id);
        dispatch(e);
    } else {
        lane->state = LANE_GATE;
        e->n_gate++;
        simulate_queue_push(e, &e->gate, id);
        dispatch(e);
    }
}

/* Hand an item to the lanes of the stage of its next step. */
static void pass_on(struct engine *e, size_t item, size_t step)
{
    uint32_t stage = e->trace->steps[e->trace->items[item].first + step].stage;
    struct queue *passed = &e->passed[stage];
    uint32_t id = simulate_queue_pop(e, &e->idle[stage]);

    e->item_step[item] = step;
    e->item_next[item] = SIMULATE_NOBODY;
    if (passed->head == SIMULATE_NOBODY)
        passed->head = (uint32_t)item;
    else
        e->item_next[passed->tail] = (uint32_t)item;
    passed->tail = (uint32_t)item;
    if (id != SIMULATE_NOBODY)
        next_work(e, id);
}

static void begin_phase(struct engine *e)
{
    size_t n = phase_of(e)->n_items;

    e->phase_begin_ns = e->now;
    e->phase_cpu_ns = e->cpu_ns;
    e->next_item = e->dispatched = phase_of(e)->first_item;
    e->end_item = e->next_item + n;
    e->done = 0;
    for (size_t i = 0; e->passed && i < n; i++)
        pass_on(e, phase_of(e)->first_item + i, 0);
    while (!e->passed && e->idle[0].head != SIMULATE_NOBODY && e->next_item + e->n_gate < e->end_item)
        next_work(e, simulate_queue_pop(e, &e->idle[0]));
}

/* The items of a phase are done: what is serial before the next ones, as often as phases without items follow. */
static void end_phase(struct engine *e)
{
    double serial_ns = 0;

    e->extra_ns += (phase_of(e)->weight - 1) * (e->now - e->phase_begin_ns);
    e->extra_cpu_ns += (phase_of(e)->weight - 1) * (e->cpu_ns - e->phase_cpu_ns);
    while (++e->phase < e->trace->n_phases) {
        serial_ns += phase_of(e)->serial_ns;
        e->serial_cpu_ns += phase_of(e)->serial_cpu_ns;
        if (phase_of(e)->n_items)
            break;
    }
    simulate_heap_push(&e->waiting, simulate_barrier_id(e), e->now + serial_ns);
}

/* Mutual recursion is bounded: steps without any time are left out of traces, so a lane soon reaches a heap. */
static void after_wait(struct engine *e, uint32_t id)
{
    struct lane *lane = &e->lanes[id];
    const struct simulate_step *step = step_of(e, lane);
    const struct simulate_item *item = &e->trace->items[lane->item];

    release_mutex(e, step->lock);
    if (++lane->step == item->count) {
        if (++e->done == phase_of(e)->n_items)
            end_phase(e);
        next_work(e, id);
    } else if (e->passed && step[1].stage != lane->stage) {
        pass_on(e, lane->item, lane->step);
        next_work(e, id);
    } else {
        begin_step(e, id);
    }
}

/* --- Events --- */

static void burst_done(struct engine *e, uint32_t id)
{
    struct lane *lane = &e->lanes[id];

    if (id == simulate_dispatcher_id(e)) {
        dispatched(e);
        return;
    }
    switch (lane->state) {
    case LANE_START:
        next_work(e, id);
        return;
    case LANE_LOCKED:
        simulate_core_release(e, lane->process);
        begin_free(e, id);
        return;
    default:
        if (e->setup->one_core)
            simulate_executor_release(e, lane->process);
        begin_wait(e, id);
    }
}

static void wait_done(struct engine *e, uint32_t id)
{
    if (id == simulate_barrier_id(e)) {
        if (e->phase < e->trace->n_phases)
            begin_phase(e);
        return;
    }
    if (id >= e->setup->lanes) {
        simulate_core_turn_over(e, id - e->setup->lanes);
        return;
    }
    struct lane *lane = &e->lanes[id];

    if (lane->state == LANE_START && e->setup->start_cpu_ns > 0)
        simulate_run(e, id, e->setup->start_cpu_ns);
    else if (lane->state == LANE_START)
        next_work(e, id);
    else if (lane->state == LANE_DELAY)
        begin_step(e, id);
    else
        after_wait(e, id);
}

/* Let time pass until `to`. */
static void advance(struct engine *e, double to, double rate, double slowdown)
{
    uint32_t n = e->running.size, busy = n < e->setup->cpus ? n : e->setup->cpus;
    double passed_ns = to - e->now;

    if (passed_ns <= 0)
        return;
    e->now = to;
    e->virtual_now += passed_ns * rate;
    e->cpu_ns += passed_ns * rate * n * slowdown;
    e->busy_ns += passed_ns * busy;
    e->busy_square_ns += passed_ns * busy * busy;
}

static void engine_loop(struct engine *e)
{
    while (e->running.size || e->waiting.size) {
        double slowdown, rate = simulate_rate(e, &slowdown);
        double cpu_at = e->running.size ? e->now + (e->running.entries[0].key - e->virtual_now) / rate : INFINITY;
        double wait_at = e->waiting.size ? e->waiting.entries[0].key : INFINITY;

        if (cpu_at <= wait_at) {
            double key = e->running.entries[0].key;

            advance(e, cpu_at, rate, slowdown);
            e->virtual_now = fmax(e->virtual_now, key);
            burst_done(e, simulate_heap_pop(&e->running));
        } else {
            advance(e, wait_at, rate, slowdown);
            wait_done(e, simulate_heap_pop(&e->waiting));
        }
    }
}

static uint32_t stage_of(const struct simulate_setup *setup, uint32_t n_stages, uint32_t lane)
{
    uint32_t stage = 0;

    while (setup->stage_lanes && stage + 1 < n_stages && lane >= setup->stage_lanes[stage])
        lane -= setup->stage_lanes[stage++];
    return stage;
}

static void start(struct engine *e)
{
    const struct simulate_setup *setup = e->setup;
    uint32_t ids = setup->lanes + setup->processes + 2;

    for (uint32_t i = 0; i < ids; i++)
        e->running.slots[i] = e->waiting.slots[i] = SIMULATE_NO_SLOT;
    for (uint32_t i = 0; i < setup->processes; i++)
        e->cores[i] = (struct core){.holder = SIMULATE_NOBODY,
                                    .waiting = {SIMULATE_NOBODY, SIMULATE_NOBODY},
                                    .asked_first = INFINITY,
                                    .handed = {SIMULATE_NOBODY, SIMULATE_NOBODY}};
    for (uint32_t i = 0; i <= e->trace->n_locks; i++)
        e->mutexes[i] = (struct mutex){SIMULATE_NOBODY, {SIMULATE_NOBODY, SIMULATE_NOBODY}};
    for (uint32_t i = 0; i < e->trace->n_stages; i++) {
        e->idle[i] = (struct queue){SIMULATE_NOBODY, SIMULATE_NOBODY};
        if (e->passed)
            e->passed[i] = e->idle[i];
    }
    for (uint32_t i = 0; i < setup->lanes; i++) {
        e->lanes[i].process = i % setup->processes;
        e->lanes[i].stage = stage_of(setup, e->trace->n_stages, i);
        simulate_heap_push(&e->waiting, i, setup->start_serial_ns * (i + 1));
    }
    e->serial_cpu_ns = phase_of(e)->serial_cpu_ns;
    e->extra_ns = phase_of(e)->serial_ns;
    if (!phase_of(e)->n_items)
        end_phase(e);
    else
        begin_phase(e);
}

int simulate_engine_run(const struct simulate_trace *trace, const struct simulate_setup *setup,
                        struct simulate_totals *ret_totals)
{
    uint32_t ids = setup->lanes + setup->processes + 2;
    AUTO_FREE struct lane *lanes = calloc(setup->lanes, sizeof(*lanes));
    AUTO_FREE struct core *cores = calloc(setup->processes, sizeof(*cores));
    AUTO_FREE struct mutex *mutexes = calloc((size_t)trace->n_locks + 1, sizeof(*mutexes));
    AUTO_FREE struct queue *queues = calloc(2 * (size_t)trace->n_stages, sizeof(*queues));
    AUTO_FREE struct simulate_heap_entry *entries = calloc(2 * (size_t)ids, sizeof(*entries));
    AUTO_FREE uint32_t *slots = calloc(2 * (size_t)ids, sizeof(*slots));
    AUTO_FREE uint32_t *item_next = setup->stage_lanes ? calloc(trace->n_items + 1, sizeof(*item_next)) : NULL;
    AUTO_FREE size_t *item_step = setup->stage_lanes ? calloc(trace->n_items + 1, sizeof(*item_step)) : NULL;

    if (!lanes || !cores || !mutexes || !queues || !entries || !slots ||
        (setup->stage_lanes && (!item_next || !item_step)))
        return -ENOMEM;
    struct engine e = {
        .trace = trace,
        .setup = setup,
        .lanes = lanes,
        .cores = cores,
        .mutexes = mutexes,
        .idle = queues,
        .passed = setup->stage_lanes ? queues + trace->n_stages : NULL,
        .item_next = item_next,
        .item_step = item_step,
        .running = {entries, slots, 0},
        .waiting = {entries + ids, slots + ids, 0},
        .gate = {SIMULATE_NOBODY, SIMULATE_NOBODY},
        .turn_ns = setup->lock_turn_ns * trace->requests,
    };

    start(&e);
    engine_loop(&e);
    ret_totals->wall_ns = e.now + e.extra_ns;
    ret_totals->cpu_ns = e.cpu_ns + e.extra_cpu_ns + e.serial_cpu_ns;
    ret_totals->busy = e.busy_ns > 0 ? e.busy_square_ns / e.busy_ns : 1;
    return 0;
}
