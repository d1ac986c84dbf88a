/* SPDX-License-Identifier: BSD-2-Clause */
#include <math.h>

#include "analyzer/simulate/simulate_state.h"
#include "base/base.h"

#define HANDOVERS_PER_TURN \
    16384 /* after so many forced ones the turn doubles: hours of convoy stay cheap to simulate */
#define OVERSUBSCRIBED_RATE 0.995 /* more busy lanes than CPUs: preemption costs a little, it never gains */
#define MAX_RENEWED 32 /* turns renewed at once: bounds the work in long queues, where order matters little */

void simulate_queue_push(struct engine *e, struct queue *q, uint32_t lane)
{
    e->lanes[lane].next = SIMULATE_NOBODY;
    if (q->head == SIMULATE_NOBODY)
        q->head = lane;
    else
        e->lanes[q->tail].next = lane;
    q->tail = lane;
}

uint32_t simulate_queue_pop(struct engine *e, struct queue *q)
{
    uint32_t lane = q->head;

    if (lane != SIMULATE_NOBODY)
        q->head = e->lanes[lane].next;
    return lane;
}

void simulate_run(struct engine *e, uint32_t id, double burst_ns)
{
    if (id < e->setup->lanes)
        e->lanes[id].burst_ns = burst_ns;
    simulate_heap_push(&e->running, id, e->virtual_now + burst_ns);
}

double simulate_rate(const struct engine *e, double *ret_slowdown)
{
    const struct simulate_setup *s = e->setup;
    uint32_t n = e->running.size, busy = n < s->cpus ? n : s->cpus;

    *ret_slowdown = 1;
    if (s->slowdown > 1 && s->slowdown_cpus > 1 && busy > 1)
        *ret_slowdown += (s->slowdown - 1) * (busy - 1) / (s->slowdown_cpus - 1);
    return (n <= s->cpus ? 1 : OVERSUBSCRIBED_RATE * s->cpus / n) / *ret_slowdown;
}

/*
 * The rule of CPython's interpreter lock (take_gil() and drop_gil() in Python/ceval_gil.h, from 3.12 on ceval_gil.c): a
 * waiter sleeps on a condition for one interval. When that times out and the lock did not change hands meanwhile
 * (switch_number), it asks the holder to drop it; else it sleeps for another interval, at the end of the line. A holder
 * that was asked waits until another thread has the lock (FORCE_SWITCHING). Blocking calls drop the lock at once, which
 * wakes the one at the head of the line.
 */

/* Waiters whose turn timed out without effect stand at the end of the line again. */
static void renew_turns(struct engine *e, struct core *core)
{
    for (int i = 0; i < MAX_RENEWED && core->waiting.head != SIMULATE_NOBODY; i++) {
        struct lane *head = &e->lanes[core->waiting.head];

        if (e->now < head->since + e->turn_ns)
            return;
        uint32_t id = simulate_queue_pop(e, &core->waiting);

        head->since += e->turn_ns * floor((e->now - head->since) / e->turn_ns);
        simulate_queue_push(e, &core->waiting, id);
    }
}

/* The first turn that began since the holder has the lock ends with a request to drop it. */
static void arm_timer(struct engine *e, uint32_t process)
{
    struct core *core = &e->cores[process];
    uint32_t timer = simulate_timer_id(e, process);

    simulate_heap_remove(&e->waiting, timer);
    if (core->waiting.head == SIMULATE_NOBODY || e->setup->one_core)
        return;
    double renewed = fmax(e->now, e->lanes[core->waiting.head].since + e->turn_ns);

    simulate_heap_push(&e->waiting, timer, fmin(renewed, core->asked_first) + e->turn_ns);
}

static void core_wait(struct engine *e, struct core *core, uint32_t id)
{
    e->lanes[id].since = e->now;
    simulate_queue_push(e, &core->waiting, id);
    core->asked_first = fmin(core->asked_first, e->now);
}

void simulate_core_request(struct engine *e, uint32_t id)
{
    uint32_t process = e->lanes[id].process;
    struct core *core = &e->cores[process];

    if (core->holder == SIMULATE_NOBODY) {
        core->holder = id;
        core->asked_first = INFINITY;
        simulate_run(e, id, e->lanes[id].left_ns);
        return;
    }
    bool first = core->asked_first == INFINITY;

    core_wait(e, core, id);
    if (first)
        arm_timer(e, process);
}

void simulate_core_release(struct engine *e, uint32_t process)
{
    struct core *core = &e->cores[process];

    if (!e->setup->one_core)
        renew_turns(e, core);
    core->holder = simulate_queue_pop(e, &core->waiting);
    core->asked_first = INFINITY;
    if (core->holder != SIMULATE_NOBODY) {
        struct lane *lane = &e->lanes[core->holder];

        if (!e->setup->one_core)
            lane->left_ns += e->setup->lock_switch_ns * e->trace->requests;
        simulate_run(e, core->holder, lane->left_ns);
    }
    arm_timer(e, process);
}

void simulate_core_turn_over(struct engine *e, uint32_t process)
{
    struct core *core = &e->cores[process];
    uint32_t id = core->holder;
    struct lane *lane = &e->lanes[id];
    double left_ns = e->running.entries[e->running.slots[id]].key - e->virtual_now;

    simulate_heap_remove(&e->running, id);
    lane->left_ns = fmax(left_ns, 0);
    if (++e->handovers % HANDOVERS_PER_TURN == 0)
        e->turn_ns *= 2;
    simulate_core_release(e, process);
    core_wait(e, core, id);
    arm_timer(e, process);
}

void simulate_executor_request(struct engine *e, uint32_t id)
{
    struct core *core = &e->cores[e->lanes[id].process];

    if (core->executing == e->setup->executor) {
        simulate_queue_push(e, &core->handed, id);
        return;
    }
    core->executing++;
    simulate_run(e, id, e->lanes[id].left_ns);
}

void simulate_executor_release(struct engine *e, uint32_t process)
{
    struct core *core = &e->cores[process];
    uint32_t next = simulate_queue_pop(e, &core->handed);

    if (next == SIMULATE_NOBODY)
        core->executing--;
    else
        simulate_run(e, next, e->lanes[next].left_ns);
}
