/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * simulate_state: what the parts of the engine share. simulate_engine.c takes items through their steps,
 * simulate_cores.c decides who runs.
 *
 * Knows lanes, queues and cores. Refuses to be seen by anybody else.
 */

#include "analyzer/simulate/simulate_engine.h"
#include "analyzer/simulate/simulate_heap.h"

#define SIMULATE_NOBODY UINT32_MAX

enum lane_state {
    LANE_START,  /* not there yet, or getting ready */
    LANE_IDLE,   /* nothing to do in this phase or stage */
    LANE_GATE,   /* waits for the dispatcher */
    LANE_DELAY,  /* the item's latency */
    LANE_MUTEX,  /* queued for a mutex */
    LANE_LOCKED, /* CPU under the interpreter lock (or on the loop's core), or queued for it */
    LANE_FREE,
    LANE_WAIT,
};

struct lane {
    enum lane_state state;
    uint32_t process;
    uint32_t stage;
    uint32_t next; /* in a queue */
    size_t item, step;
    double left_ns;  /* CPU still needed in this state */
    double burst_ns; /* part of it now on the CPU */
    double since;    /* begins its present turn of waiting for the interpreter lock */
};

struct queue {
    uint32_t head, tail;
};

/* One per process: the interpreter lock or the event loop's core. */
struct core {
    uint32_t holder;
    struct queue waiting; /* by since, oldest first */
    double asked_first;   /* first turn of waiting that began since the lock changed hands; INFINITY: none did */
    uint32_t executing;   /* threads of the loop's executor that are at work */
    struct queue handed;  /* bursts that wait for one of them */
};

struct mutex {
    uint32_t holder;
    struct queue waiting;
};

struct engine {
    const struct simulate_trace *trace;
    const struct simulate_setup *setup;
    struct lane *lanes;
    struct core *cores;
    struct mutex *mutexes;        /* by the step's lock */
    struct queue *idle;           /* lanes, by stage */
    struct queue *passed;         /* items that wait for a stage */
    uint32_t *item_next;          /* in such a queue */
    size_t *item_step;            /* where an item goes on */
    struct simulate_heap running; /* lanes on CPU; keys in virtual CPU time: all progress at the same rate */
    struct simulate_heap waiting; /* lanes, then one turn timer per core, then the end of a serial part; keys in time */
    size_t phase, next_item, end_item, done, dispatched; /* end_item: behind the items of the phase */
    double phase_begin_ns, phase_cpu_ns;                 /* when the items of this phase began */
    bool dispatching;
    uint32_t ready; /* dispatched and not taken */
    struct queue gate;
    uint32_t n_gate;
    double now, virtual_now, cpu_ns, extra_ns, extra_cpu_ns, serial_cpu_ns;
    double busy_ns, busy_square_ns, turn_ns;
    uint32_t handovers;
};

/* Intrusive queues of lanes, first in first out. */
void simulate_queue_push(struct engine *e, struct queue *q, uint32_t lane);
uint32_t simulate_queue_pop(struct engine *e, struct queue *q); /* SIMULATE_NOBODY: empty */

/* Put a lane (or the dispatcher) on a CPU for a burst. */
void simulate_run(struct engine *e, uint32_t id, double burst_ns);
/* Ask for the process's core; run at once when it is free. */
void simulate_core_request(struct engine *e, uint32_t lane);
/* The holder lets go: the one that waited longest is next. */
void simulate_core_release(struct engine *e, uint32_t process);
/* A waiter's turn is over: the holder has to let go. */
void simulate_core_turn_over(struct engine *e, uint32_t process);
/* Hand the lane's burst to the executor of its process: a thread of it takes it up when it is free. */
void simulate_executor_request(struct engine *e, uint32_t lane);
/* One of its threads is done: it takes the next burst. */
void simulate_executor_release(struct engine *e, uint32_t process);
/* How fast each lane on CPU gets on, and how much slower than alone the CPUs are. */
double simulate_rate(const struct engine *e, double *ret_slowdown);

/* Ids beyond the lanes. */
static inline uint32_t simulate_timer_id(const struct engine *e, uint32_t process)
{
    return e->setup->lanes + process;
}

static inline uint32_t simulate_barrier_id(const struct engine *e)
{
    return e->setup->lanes + e->setup->processes;
}

static inline uint32_t simulate_dispatcher_id(const struct engine *e)
{
    return e->setup->lanes + e->setup->processes + 1;
}
