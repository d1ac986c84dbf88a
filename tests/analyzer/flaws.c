/* SPDX-License-Identifier: BSD-2-Clause */
#include "flaws.h"

#include "cases.h"
#include "flaws_places.h"

static struct measurement *serial_cpu_on(uint32_t cpus)
{
    struct measurement *m = build_new(RUNTIME_NATIVE, cpus);

    build_repeat(m, build_lane(m, 100, 100, 0), 1, 2000 * MS, 0, CAUSE_OTHER, 0);
    build_finish(m, 0.0);
    return m;
}

static struct measurement *one_busy(void)
{
    return serial_cpu_on(4);
}

static struct measurement *one_busy_of_one(void)
{
    return serial_cpu_on(1);
}

static struct measurement *oversubscribed(void)
{
    return case_busy_threads(RUNTIME_NATIVE, 4, 8, 1000 * MS, 1000 * MS);
}

/* As many threads as CPUs; neighbours take half of the machine. */
static struct measurement *crowded(void)
{
    return case_busy_threads(RUNTIME_NATIVE, 4, 4, 1000 * MS, 1000 * MS);
}

static struct measurement *full(void)
{
    return case_busy_threads(RUNTIME_NATIVE, 4, 4, 2000 * MS, 0);
}

static struct measurement *nearly_full(void)
{
    return case_busy_threads(RUNTIME_NATIVE, 8, 7, 2000 * MS, 0);
}

static struct measurement *gil_16(void)
{
    return case_gil_threads(2, 840 * MS, 160 * MS);
}

static struct measurement *gil_14(void)
{
    return case_gil_threads(2, 860 * MS, 140 * MS);
}

static struct measurement *lock_threads(uint64_t lock_ns, uint64_t network_ns, double concurrency)
{
    struct measurement *m = build_new(RUNTIME_NATIVE, 4);

    build_repeat(m, build_lane(m, 100, 100, 0), 1, 2 * MS, 0, CAUSE_OTHER, 0);
    for (int i = 0; i < 4; i++) {
        size_t lane = build_lane(m, 100, 101 + i, 2 * MS);

        build_handoff(m, lane, 100, 1 * MS, CAUSE_LOCK, lock_ns / 100, 0x1000, 101 + (i + 1) % 4);
        if (network_ns > 0)
            build_repeat(m, lane, 100, 1 * MS, 0, CAUSE_NETWORK, network_ns / 100);
    }
    build_finish(m, concurrency);
    return m;
}

static struct measurement *convoy(void)
{
    return lock_threads(20 * MS, 0, 0.0);
}

static struct measurement *short_queue(void)
{
    return lock_threads(10 * MS, 0, 0.0);
}

static struct measurement *lock_across_wait(void)
{
    return lock_threads(3000 * MS, 1000 * MS, 1.0);
}

static struct measurement *lock_beside_wait(void)
{
    return lock_threads(3000 * MS, 1000 * MS, 3.0);
}

static struct measurement *ten_waits(void)
{
    return case_serial_waits(RUNTIME_CPYTHON, 11, 50 * MS, MS);
}

static struct measurement *nine_waits(void)
{
    return case_serial_waits(RUNTIME_CPYTHON, 9, 50 * MS, MS);
}

static struct measurement *awaits_one(void)
{
    return case_loop(40, 500 * US, 50 * MS, 1);
}

static struct measurement *awaits_two(void)
{
    return case_loop(40, 500 * US, 50 * MS, 2);
}

static struct measurement *loop_blocked(uint64_t blocked_ns)
{
    struct measurement *m = case_loop(40, 1 * MS, 24 * MS, 8);

    m->loops[0].blocked_in_turn_ns = blocked_ns;
    m->loops[0].blocked_in_turn_count = 3;
    build_site(m, false, CAUSE_SLEEP, blocked_ns, true, "sleep", "app.py", 7, NULL);
    build_site(m, false, CAUSE_NETWORK, 900 * MS, false, "select", "selectors.py", 468, NULL);
    return m;
}

static struct measurement *loop_blocked_6(void)
{
    return loop_blocked(60 * MS);
}

static struct measurement *loop_blocked_4(void)
{
    return loop_blocked(40 * MS);
}

static struct measurement *long_turns(void)
{
    return case_loop(40, 6 * MS, 6 * MS, 8);
}

static struct measurement *short_turns(void)
{
    return case_loop(40, 4 * MS, 4 * MS, 8);
}

static struct measurement *slow_answers(void)
{
    return case_serial_waits(RUNTIME_CPYTHON, 12, 80 * MS, MS);
}

static struct measurement *quick_answers(void)
{
    return case_serial_waits(RUNTIME_CPYTHON, 80, 15 * MS, MS);
}

static struct measurement *tiny_processes(void)
{
    return case_brief_workers(RUNTIME_NATIVE, true, 1000, 1 * MS);
}

static struct measurement *small_processes(void)
{
    return case_brief_workers(RUNTIME_NATIVE, true, 1000, 3 * MS);
}

static struct measurement *tiny_threads(void)
{
    return case_brief_workers(RUNTIME_NATIVE, false, 3000, 100 * US);
}

static struct measurement *small_threads(void)
{
    return case_brief_workers(RUNTIME_NATIVE, false, 3000, 300 * US);
}

static struct measurement *waiting_threads(size_t n)
{
    struct measurement *m = build_new(RUNTIME_CPYTHON, 4);

    build_repeat(m, build_lane(m, 100, 100, 0), 1, 50 * MS, 0, CAUSE_OTHER, 0);
    for (size_t i = 0; i < n; i++)
        build_repeat(m, build_lane(m, 100, (int32_t)(101 + i), 50 * MS), 1, MS, 0, CAUSE_NETWORK, 1000 * MS);
    build_finish(m, (double)n);
    return m;
}

static struct measurement *hundred_threads(void)
{
    return waiting_threads(100);
}

static struct measurement *ninety_nine_threads(void)
{
    return waiting_threads(99);
}

static struct measurement *messages(uint64_t cpu_ns)
{
    struct measurement *m = build_new(RUNTIME_CPYTHON, 4);

    build_repeat(m, build_lane(m, 100, 100, 0), 1000, cpu_ns, 0, CAUSE_IPC, cpu_ns);
    build_repeat(m, build_lane(m, 101, 101, 0), 1000, cpu_ns, 0, CAUSE_IPC, cpu_ns);
    build_finish(m, 0.0);
    return m;
}

static struct measurement *small_messages(void)
{
    return messages(490 * US);
}

static struct measurement *large_messages(void)
{
    return messages(510 * US);
}

static struct measurement *memory(double share)
{
    struct measurement *m = case_serial_cpu(RUNTIME_NATIVE, 1000 * MS);

    m->processes[0].peak_rss_bytes = (uint64_t)(share * (double)m->machine.memory_bytes);
    return m;
}

static struct measurement *memory_81(void)
{
    return memory(0.81);
}

static struct measurement *memory_79(void)
{
    return memory(0.79);
}

static struct measurement *ten_minutes(void)
{
    return case_busy_threads(RUNTIME_NATIVE, 4, 4, 601000 * MS, 0);
}

static struct measurement *nine_minutes(void)
{
    return case_busy_threads(RUNTIME_NATIVE, 4, 4, 599000 * MS, 0);
}

static struct measurement *short_run(void)
{
    return case_serial_cpu(RUNTIME_NATIVE, 99 * MS);
}

static struct measurement *long_enough(void)
{
    return case_serial_cpu(RUNTIME_NATIVE, 101 * MS);
}

static struct measurement *lost(uint64_t ns)
{
    struct measurement *m = case_serial_cpu(RUNTIME_NATIVE, 1000 * MS);

    m->threads[0].unattributed_ns = ns;
    m->threads[0].on_cpu_ns -= ns;
    measurement_sum_threads(m);
    return m;
}

static struct measurement *lost_11(void)
{
    return lost(11 * MS);
}

static struct measurement *lost_9(void)
{
    return lost(9 * MS);
}

static struct measurement *active(uint64_t cpu_ns)
{
    struct measurement *m = build_new(RUNTIME_NATIVE, 4);

    build_repeat(m, build_lane(m, 100, 100, 0), 10, cpu_ns, 0, CAUSE_IDLE, 100 * MS - cpu_ns);
    build_finish(m, 0.0);
    return m;
}

static struct measurement *active_9(void)
{
    return active(9 * MS);
}

static struct measurement *active_11(void)
{
    return active(11 * MS);
}

static struct measurement *lock_unknown(void)
{
    struct measurement *m = case_serial_cpu(RUNTIME_CPYTHON, 1000 * MS);

    m->target.runtime.interpreter_lock = INTERPRETER_LOCK_UNKNOWN;
    return m;
}

static struct measurement *lock_known(void)
{
    return case_serial_cpu(RUNTIME_CPYTHON, 1000 * MS);
}

const struct flaw_case flaw_cases[] = {
    {1001, one_busy, one_busy_of_one},
    {1203, oversubscribed, crowded},
    {1301, full, nearly_full},
    {2001, gil_16, gil_14},
    {2101, convoy, short_queue},
    {2201, lock_across_wait, lock_beside_wait},
    {3001, ten_waits, nine_waits},
    {3002, awaits_one, awaits_two},
    {3101, loop_blocked_6, loop_blocked_4},
    {3102, long_turns, short_turns},
    {3103, flaw_pool_full, near_miss_pool_full},
    {3201, slow_answers, quick_answers},
    {3301, flaw_no_reuse, near_miss_no_reuse},
    {3401, flaw_twin, near_miss_twin},
    {4001, tiny_processes, small_processes},
    {4002, tiny_threads, small_threads},
    {4003, hundred_threads, ninety_nine_threads},
    {4101, small_messages, large_messages},
    {4102, flaw_item_too_small, near_miss_item_too_small},
    {4201, flaw_copied, near_miss_copied},
    {5001, memory_81, memory_79},
    {5002, flaw_growth, near_miss_growth},
    {6001, ten_minutes, nine_minutes},
    {9001, short_run, long_enough},
    {9002, lost_11, lost_9},
    {9003, active_9, active_11},
    {9004, lock_unknown, lock_known},
    {9005, flaw_missing_symbols, near_miss_missing_symbols},
    {9006, flaw_no_privileges, near_miss_no_privileges},
};
const size_t n_flaw_cases = ARRAY_SIZE(flaw_cases);

struct measurement *flaw_make(int id)
{
    for (size_t i = 0; i < n_flaw_cases; i++)
        if (flaw_cases[i].id == id)
            return flaw_cases[i].has_it();
    return NULL;
}

struct measurement *flaw_traffic(uint64_t traffic_ns)
{
    struct measurement *m = messages(20 * MS);

    m->n_sites = 0;
    build_site(m, true, CAUSE_OTHER, traffic_ns, false, "send", "/usr/lib/python3.11/multiprocessing/connection.py", 1,
               NULL);
    build_site(m, true, CAUSE_OTHER, 1000 * MS - traffic_ns, false, "square", "squares.py", 1, NULL);
    return m;
}
