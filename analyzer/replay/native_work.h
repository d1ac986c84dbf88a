/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * native_work: the CPU and the waits of one step, for the native replayer.
 *
 * Knows how many loop iterations a nanosecond of CPU is worth here, and an interpreter lock for runtimes that have one.
 * Refuses to know models.
 */

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct native_step {
    uint64_t locked_ns;
    uint64_t free_ns;
    uint64_t wait_ns;
    bool waits;     /* kept when wait_ns is scaled to 0 */
    uint16_t lock;  /* runs under this mutex, from 1; 0: under none */
    uint16_t stage; /* group of workers that runs it; 0 unless the plan has stages */
};

struct native_item {
    size_t first;
    size_t count;
};

struct native_plan {
    char model[32];
    uint32_t workers;
    uint32_t processes;
    bool worker_per_item;
    bool interpreter_lock;
    uint64_t switch_interval_ns;
    struct native_step *steps, *empty_steps; /* the same, without duration */
    size_t n_steps;
    struct native_item *items;
    size_t n_items;
    size_t *phase_ends; /* items before the end of each phase; the last is n_items */
    size_t n_phases;    /* >= 1 */
    uint32_t *lanes;    /* worker of each item; NULL: a common bag */
    uint32_t *stages;   /* workers of each stage */
    uint16_t n_stages;  /* 0: none */
    uint16_t n_locks;
};

enum gate_state { GATE_CLOSED, GATE_SPREADING, GATE_OPEN };

/* What a run shares between its workers; lives in memory that forked children share. */
struct native_shared {
    pthread_mutex_t turn_mutex; /* the interpreter lock: tickets, so that it goes round */
    pthread_cond_t turn_cond;
    uint64_t next_ticket, now_serving;
    uint64_t next_item; /* atomic: items taken so far */
    struct {
        uint32_t state;       /* atomic: enum gate_state */
        uint32_t arrived;     /* atomic: workers that wait, or waited, at it */
        int cpu[CPU_SETSIZE]; /* atomic: where they run */
        uint64_t cpu_ns;      /* atomic: what the waiting took of their CPUs, sum */
        uint64_t wait_ns;     /* what it took of the opener's time */
    } gate;
    pthread_barrier_t phase; /* where workers wait for each other between phases; process-shared */
    uint64_t interval_ns;
    bool interpreter_lock;
    size_t size;            /* of this mapping, with the arrays below */
    uint64_t *lane_next;    /* atomic: where each lane looks for its next item */
    pthread_mutex_t *locks; /* of steps; process-shared, robust */
    struct native_stage *stages;
};

/* One event loop or thread pool runs these: a plan's items with either of its step arrays. */
struct native_job {
    const struct native_plan *plan;
    const struct native_step *steps;
    struct native_shared *shared;
};

uint64_t native_now_ns(void); /* CLOCK_MONOTONIC */
uint64_t native_thread_cpu_ns(void);
uint64_t native_process_cpu_ns(void); /* this process and its reaped children, user and system */

/*
 * Find iterations per ns of this thread's own CPU time: other processes' noise does not change the work. With
 * `parallel` CPUs busy, as they were in the measured program: CPUs that share a core slow each other down.
 *
 * @return CPU time of the same work with `cpus` busy (as far as there are so many) / with one
 */
double native_calibrate(uint32_t parallel, uint32_t cpus);

/* @return NULL: out of memory */
struct native_shared *native_shared_new(const struct native_plan *plan);
void native_shared_free(struct native_shared *shared);

void native_burn(struct native_shared *shared, const struct native_step *step); /* the CPU of a step */
void native_sleep(uint64_t ns);
void native_lock(pthread_mutex_t *mutex); /* takes over from an owner that died */
void native_run_item(const struct native_job *job, size_t item);
/* One step of an item, with its mutex. */
void native_run_step(const struct native_job *job, const struct native_step *step);

/*
 * Where `workers` wait for the start of the clock, in the end running, until each has a CPU of its own: of workers that
 * are woken from sleep, two may share a CPU for milliseconds until the scheduler spreads them, which in a short sample
 * would count as a tenth. Where there are more workers than CPUs neither call does anything.
 *
 * native_gate_open() returns when all are there and spread, at the latest after 20 ms, and the gate is open.
 */
void native_gate_wait(struct native_shared *shared, uint32_t workers);
void native_gate_open(struct native_shared *shared, uint32_t workers);

/* The next item of the phase, from the bag or for that lane; false: none left. */
bool native_take(const struct native_job *job, uint32_t lane, size_t phase, size_t *ret_item);

/* A worker's whole run: its items phase by phase (or its stage), without hand-over by anybody. */
void native_work(const struct native_job *job, uint32_t lane);
