/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * metrics: the numbers that the decision tree asks for by name; a pure function of a measurement.
 *
 * Knows how to boil down thread time. Refuses to know limits: those are in tree.json. All shares leave out idle time,
 * waiting for a thread or child to end, parked workers and the runtime's own threads, unless the line says otherwise.
 */

#include <stddef.h>
#include <stdint.h>

struct lanes;
struct measurement;

/* X(symbol, name, unit, the same for people: a noun, or for a bool a statement). "Active time" is the busy time of
 * lanes.h; shares of it leave out the run queue, which neighbours on a crowded machine lengthen at will. */
#define METRIC_LIST(X)                                                                                                \
    X(WALL_NS, "wall_ns", "ns", "the run time")                                                                       \
    X(CPUS, "cpus", "count", "the number of CPUs") /* CPUs the target may keep busy */                                \
    X(DATA_LOSS_SHARE, "data_loss_share", "share",                                                                    \
      "the share of unexplained time")                     /* thread time unattributed or not seen */                 \
    X(IDLE_SHARE, "idle_share", "share", "the idle share") /* idle time of idle and active time */                    \
    X(ACTIVE_LANES, "active_lanes", "ratio", "the number of active threads") /* threads active on average */          \
    X(MAX_LIVE_THREADS, "max_live_threads", "count", "the number of live threads")                                    \
    X(HAS_INTERPRETER_LOCK, "has_interpreter_lock", "bool", "an interpreter lock serialises the code")                \
    X(GIL_WAIT_SHARE, "gil_wait_share", "share",                                                                      \
      "the wait for the interpreter lock") /* queued for the interpreter lock, of active time */                      \
    X(LOCK_HELD_CPU_SHARE, "lock_held_cpu_share", "share",                                                            \
      "the CPU time under the interpreter lock") /* CPU samples that held the lock; 1 when not sampled */             \
    X(LOCK_WAIT_SHARE, "lock_wait_share", "share",                                                                    \
      "the wait for locks") /* queued for a mutex or lock object, of active time */                                   \
    X(INTERPRETER_LOCK_BUSY_SHARE, "interpreter_lock_busy_share", "share",                                            \
      "the time the interpreter lock is taken") /* CPU time under it per working process, of the run time */          \
    X(EXTERNAL_WAIT_SHARE, "external_wait_share", "share",                                                            \
      "the wait for network, disk and timers") /* network, disk, pipe, sleep, of active time */                       \
    X(EXTERNAL_WAITS, "external_waits", "count", "the number of outside waits") /* number of those waits */           \
    X(EXTERNAL_WAIT_MEAN_NS, "external_wait_mean_ns", "ns", "the length of an outside wait")                          \
    X(EXTERNAL_CONCURRENCY, "external_concurrency", "ratio",                                                          \
      "the number of waits outstanding at once") /* waits outstanding while any is */                                 \
    X(ASYNC_LIBRARY_AT_HAND, "async_library_at_hand", "bool", "an async library is at hand")                          \
    X(CPU_CORES_BUSY, "cpu_cores_busy", "ratio", "the number of busy CPUs") /* mean number of CPUs in use */          \
    X(CPU_DEMAND_PER_CPU, "cpu_demand_per_cpu", "ratio",                                                              \
      "the number of busy threads per CPU") /* threads on a CPU or ready for one, per CPU */                          \
    X(CPU_USED_SHARE, "cpu_used_share", "share", "the use of the CPUs") /* of all CPUs: used, or asked for in vain */ \
    X(CPU_PARALLEL_SHARE, "cpu_parallel_share", "share",                                                              \
      "the time with two or more CPUs busy") /* of the time any CPU was in use, two or more were */                   \
    X(RUNNABLE_SHARE, "runnable_share", "share",                                                                      \
      "the wait for a CPU") /* run-queue wait of on-CPU and run-queue wait */                                         \
    X(WORK_CPU_SHARE, "work_cpu_share", "share",                                                                      \
      "the CPU time per run time") /* CPU time per wall time once start-up is over */                                 \
    X(LANES_WORKING, "lanes_working", "count",                                                                        \
      "the number of working threads") /* lanes at once that do a tenth of the busiest one's work */                  \
    X(PROCESSES_WORKING, "processes_working", "count",                                                                \
      "the number of working processes") /* processes at once that have such a lane */                                \
    X(WORK_ITEMS, "work_items", "count", "the number of work items")                                                  \
    X(ITEM_NS, "item_ns", "ns", "the CPU time of an item") /* CPU time of one work item */                            \
    X(ITEM_PER_PROCESS_START, "item_per_process_start", "ratio",                                                      \
      "the size of an item in process starts") /* the same against the start of a process */                          \
    X(SHORT_PROCESSES, "short_processes", "count",                                                                    \
      "the number of short-lived processes") /* processes made for a moment */                                        \
    X(SHORT_PROCESS_MEAN_NS, "short_process_mean_ns", "ns", "the life of a short-lived process")                      \
    X(PROCESS_START_SHARE, "process_start_share", "share",                                                            \
      "the time for starting processes") /* starting them, of active time */                                          \
    X(SHORT_THREADS, "short_threads", "count", "the number of short-lived threads") /* threads made for a moment */   \
    X(SHORT_THREAD_MEAN_NS, "short_thread_mean_ns", "ns", "the life of a short-lived thread")                         \
    X(THREAD_START_SHARE, "thread_start_share", "share",                                                              \
      "the time for starting threads") /* starting them, of active time */                                            \
    X(ONE_SHOT_THREADS_LIVE, "one_shot_threads_live", "count",                                                        \
      "the number of one-item threads alive at once") /* at once, of threads that do one item and end */              \
    X(IPC_SHARE, "ipc_share", "share",                                                                                \
      "the wait for messages of other processes") /* waits for other processes, of these and active time */           \
    X(IPC_CPU_SHARE, "ipc_cpu_share", "share",                                                                        \
      "the CPU time for messages") /* on-CPU samples that send or receive messages */                                 \
    X(MESSAGE_SHARE, "message_share", "share",                                                                        \
      "the wait for messages") /* waits for other threads and processes, likewise */                                  \
    X(MESSAGES, "messages", "count", "the number of messages")                                                        \
    X(MESSAGE_CPU_NS, "message_cpu_ns", "ns", "the CPU time per message") /* CPU time per such wait */                \
    X(LOOP_PRESENT, "loop_present", "bool", "an event loop is at work")                                               \
    X(LOOP_PROCESSES, "loop_processes", "count",                                                                      \
      "the number of processes with an event loop") /* processes that run a loop */                                   \
    X(LOOP_BLOCKED_SHARE, "loop_blocked_share", "share",                                                              \
      "the time the event loop is blocked") /* blocked inside a turn, of the loops' active time */                    \
    X(LOOP_CPU_SHARE, "loop_cpu_share", "share",                                                                      \
      "the CPU share of the event loop") /* callbacks on CPU, of the loops' active time */                            \
    X(LOOP_FULL_SHARE, "loop_full_share", "share", "the time the event loop computes") /* the same, with idle time */ \
    X(LOOP_TURN_CPU_NS, "loop_turn_cpu_ns", "ns", "the CPU time of a loop turn")       /* CPU time per turn */        \
    X(LOOP_SERIAL_AWAITS, "loop_serial_awaits", "bool",                                                               \
      "the loop awaits one thing after another") /* never two waits outstanding */                                    \
    X(LOOP_OVERLAP_SHARE, "loop_overlap_share", "share",                                                              \
      "the time that overlapping the awaits would save") /* of the life of a loop that awaits serially; else 0 */     \
    X(POTENTIAL_GAIN_NS, "potential_gain_ns", "ns",                                                                   \
      "the possible gain") /* wall time that perfect concurrency could save */                                        \
    X(POTENTIAL_GAIN_SHARE, "potential_gain_share", "share", "the possible gain")                                     \
    X(MACHINE_SATURATED, "machine_saturated", "bool", "all CPUs are in use")                                          \
    X(SATURATED_NS, "saturated_ns", "ns",                                                                             \
      "the time with all CPUs busy") /* wall time of a run that keeps all CPUs busy; else 0 */                        \
    X(MEMORY_DEMAND_BYTES, "memory_demand_bytes", "count",                                                            \
      "the memory needed") /* resident at once, shared pages counted once */                                          \
    X(MEMORY_SHARE, "memory_share", "share", "the share of memory needed") /* the same, of the machine or its cgroup  \
                                                                            */

enum metric {
#define X(symbol, name, unit, words) METRIC_##symbol,
    METRIC_LIST(X)
#undef X
        METRIC_COUNT
};

/* How people call it: "the possible gain"; the name itself when there is no such metric. */
const char *metrics_words(const char *name);

struct metrics {
    double value[METRIC_COUNT];
};

/* From this share of used CPUs on, the machine counts as full. */
#define METRICS_SATURATED_SHARE 0.9

/*
 * @param cpus  CPUs to judge by; 0: what the target may use
 * @return 0 or -ENOMEM
 */
int metrics_compute(const struct measurement *m, const struct lanes *lanes, uint32_t cpus, struct metrics *ret);

/* @return 0 or -EINVAL */
int metrics_from_str(const char *name, enum metric *ret);
const char *metrics_name(enum metric metric);
const char *metrics_unit(enum metric metric);

/* tree_metric_fn; userdata: a struct metrics. @return 0 or -ENOENT */
int metrics_lookup(const char *name, double *ret_value, void *userdata);

/* What starting one process or thread costs this runtime, as this target does it (fork or exec). */
uint64_t metrics_process_start_ns(const struct measurement *m);
uint64_t metrics_thread_start_ns(const struct measurement *m);

/* Of all slices that happened, the share that never arrived. No sum lacks them, but forecast and replay do. */
double metrics_slices_lost(const struct measurement *m);

/* The groups, one file each (metrics_waits.c, metrics_messages.c, ...). Called by metrics_compute() in order.
 */
void metrics_add_waits(const struct measurement *m, const struct lanes *lanes, struct metrics *metrics);
void metrics_add_messages(const struct measurement *m, const struct lanes *lanes, struct metrics *metrics);
int metrics_add_items(const struct measurement *m, const struct lanes *lanes, struct metrics *metrics);
void metrics_add_loops(const struct measurement *m, const struct lanes *lanes, struct metrics *metrics);

/* above / below; 0 when below is 0. */
static inline double metrics_share(double above, double below)
{
    return below > 0.0 ? above / below : 0.0;
}
