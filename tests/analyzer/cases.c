/* SPDX-License-Identifier: BSD-2-Clause */
#include "cases.h"

struct measurement *case_serial_waits(enum runtime_kind kind, size_t waits, uint64_t wait_ns, uint64_t cpu_ns)
{
    struct measurement *m = build_new(kind, 4);
    size_t main_lane = build_lane(m, 100, 100, 0);

    build_repeat(m, main_lane, waits, cpu_ns, 0, CAUSE_NETWORK, wait_ns);
    build_repeat(m, main_lane, 1, cpu_ns, 0, CAUSE_OTHER, 0);
    build_finish(m, 1.0);
    return m;
}

struct measurement *case_gil_threads(size_t threads, uint64_t cpu_ns, uint64_t gil_ns)
{
    struct measurement *m = build_new(RUNTIME_CPYTHON, 4);

    build_repeat(m, build_lane(m, 100, 100, 0), 1, 30 * MS, 0, CAUSE_OTHER, 0);
    for (size_t i = 0; i < threads; i++)
        build_repeat(m, build_lane(m, 100, (int32_t)(101 + i), 30 * MS), 50, cpu_ns / 50, 0, CAUSE_INTERPRETER_LOCK,
                     gil_ns / 50);
    build_finish(m, 0.0);
    return m;
}

struct measurement *case_serial_cpu(enum runtime_kind kind, uint64_t cpu_ns)
{
    struct measurement *m = build_new(kind, 4);

    build_repeat(m, build_lane(m, 100, 100, 0), 1, cpu_ns, 0, CAUSE_OTHER, 0);
    build_finish(m, 0.0);
    return m;
}

struct measurement *case_loop(uint64_t turns, uint64_t cpu_ns, uint64_t wait_ns, uint32_t outstanding)
{
    struct measurement *m = build_new(RUNTIME_CPYTHON, 4);
    size_t lane = build_lane(m, 100, 100, 0);
    struct event_loop *loop = build_loop(m, lane, "asyncio");

    build_repeat(m, lane, turns, cpu_ns, 0, CAUSE_NETWORK, wait_ns);
    loop->turns = turns;
    loop->wait_ns = turns * wait_ns;
    loop->busy_cpu_ns = turns * cpu_ns;
    loop->longest_stall_ns = cpu_ns;
    loop->outstanding_max = outstanding;
    loop->outstanding_mean = outstanding;
    build_finish(m, 1.0);
    return m;
}

static struct measurement *too_short(void)
{
    return case_serial_cpu(RUNTIME_NATIVE, 50 * MS);
}

static struct measurement *data_lost(void)
{
    struct measurement *m = case_serial_cpu(RUNTIME_NATIVE, 2000 * MS);

    m->threads[0].unattributed_ns = 600 * MS;
    m->threads[0].on_cpu_ns -= 600 * MS;
    m->threads[0].slices[0].on_cpu_ns -= 600 * MS;
    measurement_sum_threads(m);
    return m;
}

static struct measurement *idle(void)
{
    struct measurement *m = build_new(RUNTIME_NATIVE, 4);
    size_t lane = build_lane(m, 100, 100, 0);

    build_repeat(m, lane, 20, 1 * MS, 0, CAUSE_IDLE, 99 * MS);
    build_finish(m, 0.0);
    return m;
}

static struct measurement *small_gain(void)
{
    return case_serial_cpu(RUNTIME_CPYTHON, 200 * MS);
}

struct measurement *case_busy_threads(enum runtime_kind kind, uint32_t cpus, size_t threads, uint64_t cpu_ns,
                                      uint64_t runnable_ns)
{
    struct measurement *m = build_new(kind, cpus);

    build_repeat(m, build_lane(m, 100, 100, 0), 1, 2 * MS, 0, CAUSE_OTHER, 0);
    for (size_t i = 0; i < threads; i++)
        build_repeat(m, build_lane(m, 100, (int32_t)(101 + i), 2 * MS), 1, cpu_ns, runnable_ns, CAUSE_OTHER, 0);
    build_finish(m, 0.0);
    return m;
}

static struct measurement *nothing_to_gain(void)
{
    return case_busy_threads(RUNTIME_NATIVE, 4, 4, 2000 * MS, 0);
}

static struct measurement *beyond_machine(void)
{
    return case_busy_threads(RUNTIME_NATIVE, 4, 4, 700000 * MS, 0);
}

static struct measurement *oversubscribed(void)
{
    return case_busy_threads(RUNTIME_NATIVE, 2, 32, 100 * MS, 1500 * MS);
}

struct measurement *case_brief_workers(enum runtime_kind kind, bool processes, size_t n, uint64_t cpu_ns)
{
    struct measurement *m = build_new(kind, 4);
    uint64_t at = 10 * MS;

    build_repeat(m, build_lane(m, 100, 100, 0), 1, 10 * MS, 0, CAUSE_OTHER, 0);
    for (size_t i = 0; i < n; i++, at += cpu_ns) {
        int32_t id = (int32_t)(101 + i);

        build_repeat(m, build_lane(m, processes ? id : 100, id, at), 1, cpu_ns, 0, CAUSE_OTHER, 0);
    }
    build_finish(m, 0.0);
    return m;
}

static struct measurement *process_pool(void)
{
    return case_brief_workers(RUNTIME_CPYTHON, true, 500, 4 * MS);
}

static struct measurement *thread_pool(void)
{
    return case_brief_workers(RUNTIME_NATIVE, false, 4000, 90 * US);
}

static struct measurement *bound_threads(void)
{
    struct measurement *m = build_new(RUNTIME_CPYTHON, 4);

    build_repeat(m, build_lane(m, 100, 100, 0), 1, 100 * MS, 0, CAUSE_OTHER, 0);
    for (size_t i = 0; i < 300; i++)
        build_repeat(m, build_lane(m, 100, (int32_t)(101 + i), 50 * MS), 1, 1 * MS, 0, CAUSE_NETWORK, 1000 * MS);
    build_finish(m, 300.0);
    return m;
}

/* Two processes take turns: one works while the other waits. */
static struct measurement *turns(enum runtime_kind kind, enum cause cause, uint64_t cpu_ns, size_t n)
{
    struct measurement *m = build_new(kind, 4);
    int32_t other = cause == CAUSE_IPC ? 101 : 100;

    build_repeat(m, build_lane(m, 100, 100, 0), n, cpu_ns, 0, cause, cpu_ns + 4 * US);
    build_repeat(m, build_lane(m, other, 101, 0), n, cpu_ns, 0, cause, cpu_ns + 4 * US);
    build_finish(m, 0.0);
    return m;
}

static struct measurement *ipc_serial(void)
{
    return turns(RUNTIME_NATIVE, CAUSE_IPC, 4 * US, 80000);
}

static struct measurement *ipc_batch(void)
{
    return turns(RUNTIME_CPYTHON, CAUSE_IPC, 80 * US, 8000);
}

static struct measurement *handoff_serial(void)
{
    return turns(RUNTIME_NATIVE, CAUSE_HANDOFF, 4 * US, 80000);
}

static struct measurement *gil_hybrid(void)
{
    struct measurement *m = build_new(RUNTIME_CPYTHON, 4);

    build_repeat(m, build_lane(m, 100, 100, 0), 1, 30 * MS, 0, CAUSE_OTHER, 0);
    for (int i = 0; i < 12; i++) {
        size_t lane = build_lane(m, 100, 101 + i, 30 * MS);

        build_repeat(m, lane, 10, 5 * MS, 0, CAUSE_INTERPRETER_LOCK, 45 * MS);
        build_repeat(m, lane, 10, 5 * MS, 0, CAUSE_NETWORK, 60 * MS);
    }
    build_finish(m, 6.0);
    return m;
}

static struct measurement *gil_processes(void)
{
    return case_gil_threads(4, 500 * MS, 1500 * MS);
}

static struct measurement *gil_pool(void)
{
    struct measurement *m = build_new(RUNTIME_CPYTHON, 4);

    build_repeat(m, build_lane(m, 100, 100, 0), 1, 30 * MS, 0, CAUSE_OTHER, 0);
    for (int i = 0; i < 2; i++) {
        size_t lane = build_lane(m, 100, 101 + i, 30 * MS);

        build_repeat(m, lane, 500, 1 * MS, 0, CAUSE_INTERPRETER_LOCK, 1 * MS);
        build_repeat(m, lane, 500, 1 * MS, 0, CAUSE_HANDOFF, 100 * US);
    }
    build_finish(m, 0.0);
    return m;
}

static struct measurement *lock_fix(void)
{
    struct measurement *m = build_new(RUNTIME_NATIVE, 4);

    build_repeat(m, build_lane(m, 100, 100, 0), 1, 2 * MS, 0, CAUSE_OTHER, 0);
    for (int i = 0; i < 4; i++)
        build_handoff(m, build_lane(m, 100, 101 + i, 2 * MS), 500, 1 * MS, CAUSE_LOCK, 3 * MS, 0x1000,
                      101 + (i + 1) % 4);
    build_finish(m, 0.0);
    return m;
}

static struct measurement *loop_unblock(void)
{
    struct measurement *m = build_new(RUNTIME_CPYTHON, 4);
    size_t lane = build_lane(m, 100, 100, 0);
    struct event_loop *loop = build_loop(m, lane, "asyncio");

    build_repeat(m, lane, 30, 1 * MS, 0, CAUSE_SLEEP, 50 * MS);
    loop->turns = 5;
    loop->busy_cpu_ns = 30 * MS;
    loop->blocked_in_turn_ns = 1500 * MS;
    loop->blocked_in_turn_count = 30;
    loop->longest_stall_ns = 1500 * MS;
    build_site(m, false, CAUSE_SLEEP, 1500 * MS, true, "fetch", "crawl.py", 12, NULL);
    build_finish(m, 1.0);
    return m;
}

static struct measurement *loop_gather(void)
{
    return case_loop(40, 500 * US, 50 * MS, 1);
}

static struct measurement *loop_keep(void)
{
    return case_loop(40, 500 * US, 50 * MS, 50);
}

static struct measurement *loop_hybrid(void)
{
    return case_loop(40, 40 * MS, 20 * MS, 8);
}

static struct measurement *loop_processes(void)
{
    return case_loop(40, 50 * MS, 2 * MS, 8);
}

static struct measurement *loop_per_cpu(void)
{
    return case_loop(20000, 95 * US, 5 * US, 50);
}

static struct measurement *few_waits(void)
{
    return case_serial_waits(RUNTIME_CPYTHON, 5, 100 * MS, 5 * MS);
}

static struct measurement *waits_overlapped(void)
{
    struct measurement *m = build_new(RUNTIME_CPYTHON, 4);

    build_repeat(m, build_lane(m, 100, 100, 0), 1, 30 * MS, 0, CAUSE_OTHER, 0);
    for (int i = 0; i < 16; i++)
        build_repeat(m, build_lane(m, 100, 101 + i, 30 * MS), 10, 1 * MS, 0, CAUSE_NETWORK, 150 * MS);
    build_finish(m, 16.0);
    return m;
}

static struct measurement *waits_coroutines(void)
{
    struct measurement *m = case_serial_waits(RUNTIME_CPYTHON, 100, 50 * MS, 1 * MS);

    build_module(m, "requests");
    return m;
}

static struct measurement *waits_threads(void)
{
    struct measurement *m = case_serial_waits(RUNTIME_CPYTHON, 100, 50 * MS, 1 * MS);

    build_module(m, "pyodbc");
    return m;
}

static struct measurement *waits_pool(void)
{
    return case_serial_waits(RUNTIME_CPYTHON, 20, 50 * MS, 1 * MS);
}

static struct measurement *waits_cpu_hybrid(void)
{
    return case_serial_waits(RUNTIME_CPYTHON, 40, 40 * MS, 40 * MS);
}

static struct measurement *waits_cpu_threads(void)
{
    return case_serial_waits(RUNTIME_NATIVE, 40, 40 * MS, 40 * MS);
}

static struct measurement *cpu_parallel(void)
{
    return case_busy_threads(RUNTIME_NATIVE, 4, 3, 2000 * MS, 100 * MS);
}

static struct measurement *cpu_partly(void)
{
    return case_busy_threads(RUNTIME_NATIVE, 8, 2, 2000 * MS, 0);
}

static struct measurement *cpu_released(void)
{
    struct measurement *m = case_serial_cpu(RUNTIME_CPYTHON, 2000 * MS);

    build_lock_held(m, 0.05);
    measurement_sum_threads(m);
    return m;
}

static struct measurement *cpu_processes(void)
{
    struct measurement *m = case_serial_cpu(RUNTIME_CPYTHON, 2000 * MS);

    build_lock_held(m, 0.97);
    measurement_sum_threads(m);
    return m;
}

static struct measurement *cpu_pool(void)
{
    struct measurement *m = build_new(RUNTIME_CPYTHON, 8);

    build_repeat(m, build_lane(m, 100, 100, 0), 500, 4 * MS, 0, CAUSE_DISK, 400 * US);
    build_finish(m, 1.0);
    return m;
}

static struct measurement *cpu_threads(void)
{
    return case_serial_cpu(RUNTIME_NATIVE, 2000 * MS);
}

const struct leaf_case leaf_cases[] = {
    {"too_short", too_short, MODEL_SERIAL, MODEL_NONE, CHANGE_KEEP},
    {"data_lost", data_lost, MODEL_SERIAL, MODEL_NONE, CHANGE_KEEP},
    {"idle", idle, MODEL_SERIAL, MODEL_NONE, CHANGE_KEEP},
    {"small_gain", small_gain, MODEL_SERIAL, MODEL_SERIAL, CHANGE_KEEP},
    {"nothing_to_gain", nothing_to_gain, MODEL_THREADS, MODEL_THREADS, CHANGE_KEEP},
    {"beyond_machine", beyond_machine, MODEL_THREADS, MODEL_THREADS, CHANGE_KEEP},
    {"oversubscribed", oversubscribed, MODEL_THREADS, MODEL_THREADS, CHANGE_FIX},
    {"process_pool", process_pool, MODEL_PROCESSES, MODEL_PROCESSES, CHANGE_FIX},
    {"thread_pool", thread_pool, MODEL_THREADS, MODEL_THREADS, CHANGE_FIX},
    {"bound_threads", bound_threads, MODEL_THREADS, MODEL_THREADS, CHANGE_FIX},
    {"ipc_serial", ipc_serial, MODEL_PROCESSES, MODEL_SERIAL, CHANGE_SWITCH},
    {"ipc_batch", ipc_batch, MODEL_PROCESSES, MODEL_PROCESSES, CHANGE_FIX},
    {"handoff_serial", handoff_serial, MODEL_THREADS, MODEL_SERIAL, CHANGE_SWITCH},
    {"gil_hybrid", gil_hybrid, MODEL_THREADS, MODEL_PROCESSES_COROUTINES, CHANGE_SWITCH},
    {"gil_processes", gil_processes, MODEL_THREADS, MODEL_PROCESSES, CHANGE_SWITCH},
    {"gil_pool", gil_pool, MODEL_THREADS, MODEL_PROCESSES, CHANGE_SWITCH},
    {"lock_fix", lock_fix, MODEL_THREADS, MODEL_THREADS, CHANGE_FIX},
    {"loop_unblock", loop_unblock, MODEL_COROUTINES, MODEL_COROUTINES, CHANGE_FIX},
    {"loop_gather", loop_gather, MODEL_COROUTINES, MODEL_COROUTINES, CHANGE_FIX},
    {"loop_keep", loop_keep, MODEL_COROUTINES, MODEL_COROUTINES, CHANGE_KEEP},
    {"loop_hybrid", loop_hybrid, MODEL_COROUTINES, MODEL_PROCESSES_COROUTINES, CHANGE_SWITCH},
    {"loop_processes", loop_processes, MODEL_COROUTINES, MODEL_PROCESSES, CHANGE_SWITCH},
    {"loop_per_cpu", loop_per_cpu, MODEL_COROUTINES, MODEL_PROCESSES_COROUTINES, CHANGE_SWITCH},
    {"few_waits", few_waits, MODEL_SERIAL, MODEL_SERIAL, CHANGE_KEEP},
    {"waits_overlapped", waits_overlapped, MODEL_THREADS, MODEL_THREADS, CHANGE_KEEP},
    {"waits_coroutines", waits_coroutines, MODEL_SERIAL, MODEL_COROUTINES, CHANGE_SWITCH},
    {"waits_threads", waits_threads, MODEL_SERIAL, MODEL_THREADS, CHANGE_SWITCH},
    {"waits_pool", waits_pool, MODEL_SERIAL, MODEL_THREADS, CHANGE_SWITCH},
    {"waits_cpu_hybrid", waits_cpu_hybrid, MODEL_SERIAL, MODEL_PROCESSES_COROUTINES, CHANGE_SWITCH},
    {"waits_cpu_threads", waits_cpu_threads, MODEL_SERIAL, MODEL_THREADS, CHANGE_SWITCH},
    {"cpu_parallel", cpu_parallel, MODEL_THREADS, MODEL_THREADS, CHANGE_KEEP},
    {"cpu_partly", cpu_partly, MODEL_THREADS, MODEL_THREADS, CHANGE_KEEP},
    {"cpu_released", cpu_released, MODEL_SERIAL, MODEL_THREADS, CHANGE_SWITCH},
    {"cpu_processes", cpu_processes, MODEL_SERIAL, MODEL_PROCESSES, CHANGE_SWITCH},
    {"cpu_pool", cpu_pool, MODEL_SERIAL, MODEL_PROCESSES, CHANGE_SWITCH},
    {"cpu_threads", cpu_threads, MODEL_SERIAL, MODEL_THREADS, CHANGE_SWITCH},
};

const size_t n_leaf_cases = ARRAY_SIZE(leaf_cases);
