/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/wording.h"

#include "base/base.h"

/* Metrics of analyzer/metrics.h, as `explain tree` names them. */
static const struct {
    const char *name;
    const char *meaning;
} metrics[] = {
    {"wall_ns", "wall time of the run"},
    {"data_loss_share", "thread time that is lost or not attributed"},
    {"active_lanes", "threads that were not idle, on average"},
    {"potential_gain_share", "wall time that the best arrangement could save, of the run"},
    {"potential_gain_ns", "wall time that the best arrangement could save"},
    {"cpu_demand_per_cpu", "threads on a CPU or ready for one, per CPU"},
    {"memory_share", "peak memory, of what machine or cgroup allow"},
    {"saturated_ns", "wall time with all CPUs busy"},
    {"process_start_share", "time spent starting processes, of the run"},
    {"one_shot_threads_live", "threads alive at once that do one item and end"},
    {"thread_start_share", "time spent starting threads, of the run"},
    {"ipc_cpu_share", "CPU time spent sending and receiving messages"},
    {"ipc_share", "active thread time spent waiting for messages of other processes"},
    {"message_share", "active thread time spent waiting for messages of other threads"},
    {"message_cpu_ns", "CPU time per message"},
    {"gil_wait_share", "active thread time spent queueing for the interpreter lock"},
    {"external_wait_share", "active thread time spent waiting for network, disk, pipes and timers"},
    {"external_waits", "number of external waits"},
    {"external_concurrency", "external waits outstanding at once, on average while any is"},
    {"item_per_process_start", "CPU time of a work item, in process starts"},
    {"lock_wait_share", "active thread time spent queueing for mutexes"},
    {"interpreter_lock_busy_share", "run time that the interpreter lock was taken"},
    {"loop_present", "1 when an event loop did part of the work"},
    {"loop_blocked_share", "wall time that a loop's thread was blocked outside its own wait"},
    {"loop_processes", "processes with an event loop at work"},
    {"loop_cpu_share", "wall time that the busiest loop computed"},
    {"loop_full_share", "time that the loops computed, idle time included"},
    {"loop_turn_cpu_ns", "CPU time of a loop's turn"},
    {"loop_serial_awaits", "1 when the loop never had two waits outstanding"},
    {"cpus", "CPUs that the program may use"},
    {"work_cpu_share", "CPU time, of the run"},
    {"has_interpreter_lock", "1 when the runtime serialises bytecode"},
    {"lock_held_cpu_share", "CPU time during which the thread held the interpreter lock"},
    {"async_library_at_hand", "1 when an async library exists for the modules seen waiting"},
    {"cpu_used_share", "CPU time used, of the CPU time available"},
    {"lanes_working", "threads or processes that did a real part of the CPU work"},
};

const char *wording_metric(const char *name)
{
    for (size_t i = 0; name && i < ARRAY_SIZE(metrics); i++)
        if (strcmp(metrics[i].name, name) == 0)
            return metrics[i].meaning;
    return NULL;
}
