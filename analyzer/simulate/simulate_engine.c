/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/simulate/simulate_engine.h"

#include <math.h>

#include "base/base.h"

#define NO_LANE UINT32_MAX
#define INTERPRETER_QUANTUM_NS 5e6  /* CPython: sys.getswitchinterval() */
#define INTERPRETER_HANDOVER_NS 2e4 /* futex round and cold caches when the lock changes hands by force */
#define HANDOVERS_PER_QUANTUM 16384 /* after so many the quantum doubles: hours of convoy stay cheap to simulate */
#define OVERSUBSCRIBED_RATE 0.995   /* more busy lanes than CPUs: preemption costs a little, it never gains */

enum phase {
    PHASE_START,
    PHASE_GATE,   /* waits for the dispatcher and the item's latency */
    PHASE_MUTEX,  /* queued for the mutex */
    PHASE_LOCKED, /* CPU under the interpreter lock (or on the loop's core), or queued for it */
    PHASE_FREE,
    PHASE_WAIT,
    PHASE_DONE,
};

struct lane {
    enum phase phase;
    uint32_t process;
    size_t item, step;
    double left_ns;  /* CPU still needed in this phase */
    double burst_ns; /* part of it now on the CPU */
    double key;      /* end of the burst (virtual time) or of the wait (time) */
    uint32_t slot;   /* place in its heap */
    uint32_t next;   /* in a queue */
};

/* Binary heap of lanes by key; lanes know their slot so that a key can be lowered. */
struct heap {
    uint32_t *lanes;
    uint32_t size;
};

struct queue {
    uint32_t head, tail;
};

/* One per process: the interpreter lock or the event loop's core. */
struct core {
    uint32_t holder;
    struct queue waiting;
};

struct engine {
    const struct simulate_jobs *jobs;
    const struct simulate_setup *setup;
    struct lane *lanes;
    struct core *cores;
    struct heap running; /* keys in virtual CPU time: every lane here progresses at the same rate */
    struct heap waiting; /* keys in time */
    uint32_t mutex_holder;
    struct queue mutex_waiting;
    size_t next_item;
    uint32_t done;
    double now, virtual_now, gate_free, cpu_ns, quantum;
    uint32_t handovers;
};

static void heap_put(struct engine *e, struct heap *h, uint32_t slot, uint32_t lane)
{
    h->lanes[slot] = lane;
    e->lanes[lane].slot = slot;
}

static void heap_up(struct engine *e, struct heap *h, uint32_t slot)
{
    uint32_t lane = h->lanes[slot];

    while (slot > 0 && e->lanes[h->lanes[(slot - 1) / 2]].key > e->lanes[lane].key) {
        heap_put(e, h, slot, h->lanes[(slot - 1) / 2]);
        slot = (slot - 1) / 2;
    }
    heap_put(e, h, slot, lane);
}

static void heap_push(struct engine *e, struct heap *h, uint32_t lane, double key)
{
    e->lanes[lane].key = key;
    h->lanes[h->size] = lane;
    heap_up(e, h, h->size++);
}

static uint32_t heap_pop(struct engine *e, struct heap *h)
{
    uint32_t top = h->lanes[0], moved = h->lanes[--h->size], slot = 0;

    while (2 * slot + 1 < h->size) {
        uint32_t child = 2 * slot + 1;

        if (child + 1 < h->size && e->lanes[h->lanes[child + 1]].key < e->lanes[h->lanes[child]].key)
            child++;
        if (e->lanes[h->lanes[child]].key >= e->lanes[moved].key)
            break;
        heap_put(e, h, slot, h->lanes[child]);
        slot = child;
    }
    if (h->size)
        heap_put(e, h, slot, moved);
    return top;
}

static void queue_push(struct engine *e, struct queue *q, uint32_t lane)
{
    e->lanes[lane].next = NO_LANE;
    if (q->head == NO_LANE)
        q->head = lane;
    else
        e->lanes[q->tail].next = lane;
    q->tail = lane;
}

static uint32_t queue_pop(struct engine *e, struct queue *q)
{
    uint32_t lane = q->head;

    if (lane != NO_LANE)
        q->head = e->lanes[lane].next;
    return lane;
}

static void run_burst(struct engine *e, uint32_t lane, double burst_ns)
{
    e->lanes[lane].burst_ns = burst_ns;
    heap_push(e, &e->running, lane, e->virtual_now + burst_ns);
}

/* How long the holder of a core may run now: all it needs, unless others queue for an interpreter lock. */
static double allowed_burst(const struct engine *e, const struct core *core, const struct lane *lane)
{
    if (e->setup->one_core || core->waiting.head == NO_LANE || lane->left_ns <= e->quantum)
        return lane->left_ns;
    return e->quantum;
}

/* Ask for the process's core; run at once when it is free. */
static void core_request(struct engine *e, uint32_t id)
{
    struct core *core = &e->cores[e->lanes[id].process];

    if (core->holder == NO_LANE) {
        core->holder = id;
        run_burst(e, id, allowed_burst(e, core, &e->lanes[id]));
        return;
    }
    queue_push(e, &core->waiting, id);
    /* A holder that ran undisturbed now has one quantum left. */
    struct lane *holder = &e->lanes[core->holder];
    double excess = holder->key - (e->virtual_now + e->quantum);

    if (!e->setup->one_core && excess > 0) {
        holder->burst_ns -= excess;
        holder->key -= excess;
        heap_up(e, &e->running, holder->slot);
    }
}

static void core_release(struct engine *e, uint32_t process)
{
    struct core *core = &e->cores[process];

    core->holder = queue_pop(e, &core->waiting);
    if (core->holder != NO_LANE)
        run_burst(e, core->holder, allowed_burst(e, core, &e->lanes[core->holder]));
}

static const struct simulate_step *step_of(const struct engine *e, const struct lane *lane)
{
    return &e->jobs->steps[e->jobs->items[lane->item].first + lane->step];
}

static void begin_item(struct engine *e, uint32_t id);

/* The steps of a lane, from one blocking point to the next; each function falls through to the following one. */
static void after_wait(struct engine *e, uint32_t id);

static void begin_wait(struct engine *e, uint32_t id)
{
    struct lane *lane = &e->lanes[id];
    double wait_ns = step_of(e, lane)->wait_ns;

    lane->phase = PHASE_WAIT;
    if (wait_ns > 0)
        heap_push(e, &e->waiting, id, e->now + wait_ns);
    else
        after_wait(e, id);
}

static void begin_free(struct engine *e, uint32_t id)
{
    struct lane *lane = &e->lanes[id];
    double free_ns = e->setup->one_core ? 0 : step_of(e, lane)->free_ns;

    if (!e->setup->one_core && !e->setup->interpreter_lock)
        free_ns += step_of(e, lane)->locked_ns;
    lane->phase = PHASE_FREE;
    lane->left_ns = free_ns;
    if (free_ns > 0)
        run_burst(e, id, free_ns);
    else
        begin_wait(e, id);
}

static void begin_cpu(struct engine *e, uint32_t id)
{
    struct lane *lane = &e->lanes[id];
    const struct simulate_step *step = step_of(e, lane);

    lane->phase = PHASE_LOCKED;
    lane->left_ns = e->setup->one_core           ? step->locked_ns + step->free_ns
                    : e->setup->interpreter_lock ? step->locked_ns
                                                 : 0;
    if (lane->left_ns > 0)
        core_request(e, id);
    else
        begin_free(e, id);
}

static void begin_step(struct engine *e, uint32_t id)
{
    struct lane *lane = &e->lanes[id];

    if (step_of(e, lane)->critical && e->mutex_holder != id) {
        if (e->mutex_holder != NO_LANE) {
            lane->phase = PHASE_MUTEX;
            queue_push(e, &e->mutex_waiting, id);
            return;
        }
        e->mutex_holder = id;
    }
    begin_cpu(e, id);
}

static void release_mutex(struct engine *e, uint32_t id)
{
    if (e->mutex_holder != id)
        return;
    e->mutex_holder = queue_pop(e, &e->mutex_waiting);
    if (e->mutex_holder != NO_LANE)
        begin_cpu(e, e->mutex_holder);
}

/* Mutual recursion is bounded: empty steps are merged away, so a lane reaches a heap or a queue within a step or two.
 */
static void after_wait(struct engine *e, uint32_t id)
{
    struct lane *lane = &e->lanes[id];

    release_mutex(e, id);
    if (++lane->step < e->jobs->items[lane->item].count)
        begin_step(e, id);
    else
        begin_item(e, id);
}

static void begin_item(struct engine *e, uint32_t id)
{
    struct lane *lane = &e->lanes[id];

    if (e->next_item == e->jobs->n_items) {
        lane->phase = PHASE_DONE;
        e->done++;
        return;
    }
    lane->item = e->next_item++;
    lane->step = 0;

    const struct simulate_item *item = &e->jobs->items[lane->item];
    double begin = e->now;

    if (item->gate_ns > 0) {
        e->gate_free = fmax(e->gate_free, e->now) + item->gate_ns;
        begin = e->gate_free;
    }
    lane->phase = PHASE_GATE;
    heap_push(e, &e->waiting, id, begin + item->delay_ns);
}

static void burst_done(struct engine *e, uint32_t id)
{
    struct lane *lane = &e->lanes[id];

    lane->left_ns -= lane->burst_ns;
    e->cpu_ns += lane->burst_ns;
    switch (lane->phase) {
    case PHASE_START:
        begin_item(e, id);
        return;
    case PHASE_LOCKED:
        if (lane->left_ns > 0.5) {
            lane->left_ns += INTERPRETER_HANDOVER_NS;
            if (++e->handovers % HANDOVERS_PER_QUANTUM == 0)
                e->quantum *= 2;
            queue_push(e, &e->cores[lane->process].waiting, id);
            core_release(e, lane->process);
            return;
        }
        core_release(e, lane->process);
        begin_free(e, id);
        return;
    default:
        begin_wait(e, id);
    }
}

static void wait_done(struct engine *e, uint32_t id)
{
    struct lane *lane = &e->lanes[id];

    if (lane->phase == PHASE_START && e->setup->start_cpu_ns > 0)
        run_burst(e, id, e->setup->start_cpu_ns);
    else if (lane->phase == PHASE_START)
        begin_item(e, id);
    else if (lane->phase == PHASE_GATE)
        begin_step(e, id);
    else
        after_wait(e, id);
}

/* Fair sharing: with more busy lanes than CPUs each gets cpus / lanes. */
static double cpu_rate(const struct engine *e)
{
    if (e->running.size <= e->setup->cpus)
        return 1.0;
    return OVERSUBSCRIBED_RATE * e->setup->cpus / e->running.size;
}

static void engine_loop(struct engine *e)
{
    while (e->running.size || e->waiting.size) {
        double rate = cpu_rate(e);
        double cpu_at =
            e->running.size ? e->now + (e->lanes[e->running.lanes[0]].key - e->virtual_now) / rate : INFINITY;
        double wait_at = e->waiting.size ? e->lanes[e->waiting.lanes[0]].key : INFINITY;

        if (cpu_at <= wait_at) {
            e->virtual_now = fmax(e->virtual_now, e->lanes[e->running.lanes[0]].key);
            e->now = fmax(e->now, cpu_at);
            burst_done(e, heap_pop(e, &e->running));
        } else {
            e->virtual_now += (wait_at - e->now) * rate;
            e->now = fmax(e->now, wait_at);
            wait_done(e, heap_pop(e, &e->waiting));
        }
    }
}

int simulate_engine_run(const struct simulate_jobs *jobs, const struct simulate_setup *setup, double *ret_wall_ns,
                        double *ret_cpu_ns)
{
    AUTO_FREE struct lane *lanes = calloc(setup->lanes, sizeof(*lanes));
    AUTO_FREE struct core *cores = calloc(setup->processes, sizeof(*cores));
    AUTO_FREE uint32_t *slots = calloc(2 * (size_t)setup->lanes, sizeof(*slots));
    struct engine e = {
        .jobs = jobs,
        .setup = setup,
        .lanes = lanes,
        .cores = cores,
        .running.lanes = slots,
        .waiting.lanes = slots ? slots + setup->lanes : NULL,
        .mutex_holder = NO_LANE,
        .mutex_waiting = {NO_LANE, NO_LANE},
        .quantum = INTERPRETER_QUANTUM_NS,
    };

    if (!lanes || !cores || !slots)
        return -ENOMEM;
    for (uint32_t i = 0; i < setup->processes; i++)
        cores[i] = (struct core){.holder = NO_LANE, .waiting = {NO_LANE, NO_LANE}};
    for (uint32_t i = 0; i < setup->lanes; i++) {
        lanes[i].process = i % setup->processes;
        heap_push(&e, &e.waiting, i, setup->start_serial_ns * (i + 1));
    }
    engine_loop(&e);
    *ret_wall_ns = e.now;
    *ret_cpu_ns = e.cpu_ns;
    return 0;
}
