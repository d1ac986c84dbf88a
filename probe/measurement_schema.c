/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/measurement_schema.h"

#include "base/base.h"
#include "probe/measurement.h"

static const char *cause_id(int value)
{
    return (unsigned)value < CAUSE_COUNT ? cause_to_str((enum cause)value) : NULL;
}

static int cause_value(const char *id, int *ret_value)
{
    enum cause cause;
    int r = cause_from_str(id, &cause);

    if (r == 0)
        *ret_value = (int)cause;
    return r;
}

static const char *model_id(int value)
{
    return value == MODEL_NONE || (unsigned)value < MODEL_COUNT ? model_to_str((enum model)value) : NULL;
}

static int model_value(const char *id, int *ret_value)
{
    enum model model;
    int r = model_from_str(id, &model);

    if (r == 0)
        *ret_value = (int)model;
    return r;
}

static const char *runtime_id(int value)
{
    return (unsigned)value < RUNTIME_COUNT ? runtime_to_str((enum runtime_kind)value) : NULL;
}

static int runtime_value(const char *id, int *ret_value)
{
    enum runtime_kind kind;
    int r = runtime_from_str(id, &kind);

    if (r == 0)
        *ret_value = (int)kind;
    return r;
}

static const char *const interpreter_lock_ids[] = {
    [INTERPRETER_LOCK_NONE] = "none",
    [INTERPRETER_LOCK_PRESENT] = "present",
    [INTERPRETER_LOCK_UNKNOWN] = "unknown",
};

static const char *interpreter_lock_id(int value)
{
    return (unsigned)value < ARRAY_SIZE(interpreter_lock_ids) ? interpreter_lock_ids[value] : NULL;
}

static int interpreter_lock_value(const char *id, int *ret_value)
{
    for (size_t i = 0; i < ARRAY_SIZE(interpreter_lock_ids); i++) {
        if (strcmp(interpreter_lock_ids[i], id) != 0)
            continue;
        *ret_value = (int)i;
        return 0;
    }
    return -EINVAL;
}

static const struct field_ids causes = {cause_id, cause_value};
static const struct field_ids models = {model_id, model_value};
static const struct field_ids runtimes = {runtime_id, runtime_value};
static const struct field_ids interpreter_locks = {interpreter_lock_id, interpreter_lock_value};

/* Most elements believed: far above what a run produces, far below what would exhaust memory. */
#define MAX_THREADS (1U << 20)
#define MAX_SLICES (1U << 22)
#define MAX_SITES (1U << 16)
#define MAX_FRAMES 1024
#define MAX_STRINGS (1U << 16)
#define MAX_POINTS 4096
#define MAX_CPUS (1U << 16)
#define MAX_REPLAYS 4096
#define MAX_REPEATS 10000

/* Every row below belongs to the struct that STRUCT names at that point. */
#define PLAIN(field_type, member)                                               \
    {                                                                           \
        .name = #member, .type = field_type, .offset = offsetof(STRUCT, member) \
    }
#define NEEDED(field_type, member)                                                                \
    {                                                                                             \
        .name = #member, .type = field_type, .required = true, .offset = offsetof(STRUCT, member) \
    }
#define TEXT(member)                                                             \
    {                                                                            \
        .name = #member, .type = FIELD_TEXT, .offset = offsetof(STRUCT, member), \
        .size = sizeof(((STRUCT *)NULL)->member)                                 \
    }
#define ENUM(member, spelling)                                                                                        \
    {                                                                                                                 \
        .name = #member, .type = FIELD_ENUM, .required = true, .offset = offsetof(STRUCT, member), .ids = &(spelling) \
    }
#define EMBEDDED(member, table)                                                                                        \
    {                                                                                                                  \
        .name = #member, .type = FIELD_STRUCT, .required = true, .offset = offsetof(STRUCT, member), .fields = (table) \
    }
#define COUNTED(field_type, member, count, most, table)                                                          \
    {                                                                                                            \
        .name = #member, .type = field_type, .offset = offsetof(STRUCT, member),                                 \
        .size = sizeof(*((STRUCT *)NULL)->member), .count_offset = offsetof(STRUCT, count), .max_count = (most), \
        .fields = (table)                                                                                        \
    }
#define END               \
    {                     \
        .type = FIELD_END \
    }

#define STRUCT struct machine
static const struct field machine_fields[] = {
    PLAIN(FIELD_U32, cpus),
    NEEDED(FIELD_U32, cpus_allowed),
    PLAIN(FIELD_DOUBLE, cpu_quota),
    PLAIN(FIELD_U64, memory_bytes),
    PLAIN(FIELD_U64, memory_limit_bytes),
    TEXT(kernel),
    TEXT(cpu_name),
    END,
};
#undef STRUCT

#define STRUCT struct runtime
static const struct field runtime_fields[] = {
    ENUM(kind, runtimes),
    TEXT(version),
    ENUM(interpreter_lock, interpreter_locks),
    TEXT(executable),
    PLAIN(FIELD_BOOL, free_threaded),
    PLAIN(FIELD_U32, interpreters),
    END,
};
#undef STRUCT

#define STRUCT struct target
static const struct field target_fields[] = {
    COUNTED(FIELD_STRINGS, argv, n_argv, MAX_STRINGS, NULL),
    PLAIN(FIELD_STRING, exe),
    PLAIN(FIELD_I32, pid),
    EMBEDDED(runtime, runtime_fields),
    PLAIN(FIELD_BOOL, exited),
    PLAIN(FIELD_I32, exit_status),
    PLAIN(FIELD_I32, signal),
    PLAIN(FIELD_BOOL, attached),
    PLAIN(FIELD_U64, ran_before_ns),
    END,
};
#undef STRUCT

#define STRUCT struct frame
static const struct field frame_fields[] = {
    NEEDED(FIELD_STRING, function), PLAIN(FIELD_STRING, file),    PLAIN(FIELD_U32, line),
    PLAIN(FIELD_STRING, module),    PLAIN(FIELD_BOOL, coroutine), END,
};
#undef STRUCT

#define STRUCT struct site
static const struct field site_fields[] = {
    PLAIN(FIELD_BOOL, on_cpu),
    ENUM(cause, causes),
    NEEDED(FIELD_U64, time_ns),
    PLAIN(FIELD_U64, count),
    PLAIN(FIELD_U64, longest_ns),
    PLAIN(FIELD_I32, pid),
    PLAIN(FIELD_I32, tid),
    PLAIN(FIELD_U32, threads),
    PLAIN(FIELD_BOOL, in_event_loop),
    COUNTED(FIELD_STRUCTS, frames, n_frames, MAX_FRAMES, frame_fields),
    END,
};
#undef STRUCT

#define STRUCT struct thread
static const struct field thread_fields[] = {
    NEEDED(FIELD_I32, tid),
    NEEDED(FIELD_I32, pid),
    PLAIN(FIELD_I32, parent_tid),
    TEXT(name),
    NEEDED(FIELD_U64, birth_ns),
    NEEDED(FIELD_U64, death_ns),
    PLAIN(FIELD_BOOL, alive),
    NEEDED(FIELD_U64, on_cpu_ns),
    PLAIN(FIELD_U64, user_ns),
    PLAIN(FIELD_U64, system_ns),
    NEEDED(FIELD_U64, runnable_ns),
    PLAIN(FIELD_CAUSES, blocked_ns),
    PLAIN(FIELD_CAUSES, blocked_count),
    PLAIN(FIELD_U64, unattributed_ns),
    PLAIN(FIELD_U64, voluntary_switches),
    PLAIN(FIELD_U64, involuntary_switches),
    PLAIN(FIELD_U64, cpu_samples),
    PLAIN(FIELD_U64, lock_held_samples),
    PLAIN(FIELD_U64, poll_ns),
    PLAIN(FIELD_U64, poll_count),
    PLAIN(FIELD_BOOL, runtime_internal),
    COUNTED(FIELD_SLICES, slices, n_slices, MAX_SLICES, NULL),
    END,
};
#undef STRUCT

#define STRUCT struct memory_point
static const struct field memory_fields[] = {
    NEEDED(FIELD_U64, at_ns),
    NEEDED(FIELD_U64, rss_bytes),
    PLAIN(FIELD_U64, private_bytes),
    END,
};
#undef STRUCT

#define STRUCT struct process
static const struct field process_fields[] = {
    NEEDED(FIELD_I32, pid),
    PLAIN(FIELD_I32, parent_pid),
    NEEDED(FIELD_U64, birth_ns),
    NEEDED(FIELD_U64, death_ns),
    PLAIN(FIELD_BOOL, alive),
    TEXT(name),
    PLAIN(FIELD_BOOL, execed),
    PLAIN(FIELD_BOOL, launcher),
    ENUM(runtime, runtimes),
    PLAIN(FIELD_U64, peak_rss_bytes),
    PLAIN(FIELD_U64, private_bytes),
    NEEDED(FIELD_U32, threads),
    PLAIN(FIELD_BOOL, listens),
    PLAIN(FIELD_U32, max_connections),
    PLAIN(FIELD_U64, read_bytes),
    PLAIN(FIELD_U64, written_bytes),
    PLAIN(FIELD_U64, reads),
    PLAIN(FIELD_U64, writes),
    COUNTED(FIELD_STRUCTS, memory, n_memory, MAX_POINTS, memory_fields),
    END,
};
#undef STRUCT

#define STRUCT struct event_loop
static const struct field loop_fields[] = {
    NEEDED(FIELD_I32, tid),
    NEEDED(FIELD_I32, pid),
    TEXT(kind),
    PLAIN(FIELD_U64, turns),
    PLAIN(FIELD_U64, wait_ns),
    PLAIN(FIELD_U64, busy_cpu_ns),
    PLAIN(FIELD_U64, blocked_in_turn_ns),
    PLAIN(FIELD_U64, blocked_in_turn_count),
    PLAIN(FIELD_U64, longest_stall_ns),
    PLAIN(FIELD_U64, stalls),
    PLAIN(FIELD_U64, stall_ns),
    PLAIN(FIELD_U64, callback_ns),
    PLAIN(FIELD_I32, epoll_fd),
    PLAIN(FIELD_U32, pool_threads),
    PLAIN(FIELD_U64, pool_full_ns),
    PLAIN(FIELD_DOUBLE, outstanding_mean),
    PLAIN(FIELD_U32, outstanding_max),
    PLAIN(FIELD_DOUBLE, timers_mean),
    PLAIN(FIELD_U32, timers_max),
    PLAIN(FIELD_DOUBLE, sleepers_mean),
    PLAIN(FIELD_U64, sent_segments),
    PLAIN(FIELD_U64, received_segments),
    END,
};
#undef STRUCT

#define STRUCT struct lock_site
static const struct field lock_fields[] = {
    NEEDED(FIELD_I32, pid),
    NEEDED(FIELD_U64, address),
    ENUM(cause, causes),
    NEEDED(FIELD_U64, wait_ns),
    PLAIN(FIELD_U64, waits),
    PLAIN(FIELD_U32, waiters),
    END,
};
#undef STRUCT

#define STRUCT struct waker
static const struct field waker_fields[] = {
    NEEDED(FIELD_I32, waiter_pid),
    NEEDED(FIELD_I32, waiter_tid),
    NEEDED(FIELD_I32, waker_pid),
    NEEDED(FIELD_I32, waker_tid),
    ENUM(cause, causes),
    NEEDED(FIELD_U64, time_ns),
    PLAIN(FIELD_U64, count),
    COUNTED(FIELD_STRUCTS, waiter_frames, n_waiter_frames, MAX_FRAMES, frame_fields),
    COUNTED(FIELD_STRUCTS, waker_frames, n_waker_frames, MAX_FRAMES, frame_fields),
    END,
};
#undef STRUCT

#define STRUCT struct peer
static const struct field peer_fields[] = {
    NEEDED(FIELD_I32, pid),
    TEXT(address),
    NEEDED(FIELD_U64, connects),
    PLAIN(FIELD_U64, established),
    PLAIN(FIELD_U64, handshake_ns),
    PLAIN(FIELD_U64, first_ns),
    PLAIN(FIELD_U64, last_ns),
    COUNTED(FIELD_STRUCTS, frames, n_frames, MAX_FRAMES, frame_fields),
    END,
};
#undef STRUCT

#define STRUCT struct loss
static const struct field loss_fields[] = {
    PLAIN(FIELD_U64, slices_dropped),
    PLAIN(FIELD_U64, threads_dropped),
    PLAIN(FIELD_U64, threads_omitted),
    PLAIN(FIELD_U64, futexes_unnamed),
    PLAIN(FIELD_U64, repaired),
    PLAIN(FIELD_U64, repaired_ns),
    PLAIN(FIELD_U64, stacks_failed),
    PLAIN(FIELD_U64, stacks_taken),
    PLAIN(FIELD_U64, stacks_lost),
    PLAIN(FIELD_U32, decimation),
    END,
};
#undef STRUCT

#define STRUCT struct replay_result
static const struct field replay_fields[] = {
    ENUM(model, models),
    NEEDED(FIELD_U32, workers),
    COUNTED(FIELD_U64S, runs_ns, n_runs, MAX_REPLAYS, NULL),
    PLAIN(FIELD_U64, cpu_ns),
    PLAIN(FIELD_U64, peak_rss_bytes),
    NEEDED(FIELD_DOUBLE, share),
    PLAIN(FIELD_BOOL, current),
    END,
};
#undef STRUCT

#define STRUCT struct repeat
static const struct field repeat_fields[] = {
    NEEDED(FIELD_U64, wall_ns),
    PLAIN(FIELD_U64, thread_time_ns),
    PLAIN(FIELD_U64, on_cpu_ns),
    PLAIN(FIELD_U64, runnable_ns),
    PLAIN(FIELD_CAUSES, blocked_ns),
    PLAIN(FIELD_U64, unattributed_ns),
    END,
};
#undef STRUCT

#define STRUCT struct measurement
const struct field measurement_schema[] = {
    TEXT(tool_version),
    TEXT(probe),
    EMBEDDED(machine, machine_fields),
    EMBEDDED(target, target_fields),
    NEEDED(FIELD_U64, wall_ns),
    NEEDED(FIELD_U64, thread_time_ns),
    NEEDED(FIELD_U64, on_cpu_ns),
    PLAIN(FIELD_U64, user_ns),
    PLAIN(FIELD_U64, system_ns),
    NEEDED(FIELD_U64, runnable_ns),
    PLAIN(FIELD_CAUSES, blocked_ns),
    PLAIN(FIELD_CAUSES, blocked_count),
    PLAIN(FIELD_U64, unattributed_ns),
    PLAIN(FIELD_U64, voluntary_switches),
    PLAIN(FIELD_U64, involuntary_switches),
    NEEDED(FIELD_U64, threads_total),
    NEEDED(FIELD_U64, processes_total),
    PLAIN(FIELD_U64, max_live_threads),
    PLAIN(FIELD_U64, max_live_processes),
    COUNTED(FIELD_U64S, parallelism_ns, n_parallelism, MAX_CPUS, NULL),
    PLAIN(FIELD_U64, cpu_samples),
    PLAIN(FIELD_U64, lock_held_samples),
    PLAIN(FIELD_U64, external_wait_union_ns),
    COUNTED(FIELD_STRUCTS, threads, n_threads, MAX_THREADS, thread_fields),
    COUNTED(FIELD_STRUCTS, processes, n_processes, MAX_THREADS, process_fields),
    COUNTED(FIELD_STRUCTS, loops, n_loops, MAX_SITES, loop_fields),
    COUNTED(FIELD_STRUCTS, locks, n_locks, MAX_SITES, lock_fields),
    COUNTED(FIELD_STRUCTS, sites, n_sites, MAX_SITES, site_fields),
    COUNTED(FIELD_STRUCTS, holders, n_holders, MAX_SITES, site_fields),
    COUNTED(FIELD_STRUCTS, wakers, n_wakers, MAX_SITES, waker_fields),
    COUNTED(FIELD_STRUCTS, peers, n_peers, MAX_SITES, peer_fields),
    COUNTED(FIELD_STRINGS, modules, n_modules, MAX_STRINGS, NULL),
    EMBEDDED(loss, loss_fields),
    PLAIN(FIELD_U64, overhead_ns),
    COUNTED(FIELD_STRINGS, notes, n_notes, MAX_STRINGS, NULL),
    COUNTED(FIELD_STRUCTS, replays, n_replays, MAX_REPLAYS, replay_fields),
    PLAIN(FIELD_U64, replay_process_start_ns),
    PLAIN(FIELD_U64, replay_thread_start_ns),
    PLAIN(FIELD_U64, replay_ipc_item_ns),
    PLAIN(FIELD_U64, replay_ipc_byte_ps),
    PLAIN(FIELD_U64, replay_loop_turn_ns),
    PLAIN(FIELD_U64, replay_thread_switch_ns),
    PLAIN(FIELD_U64, replay_threads_setup_ns),
    PLAIN(FIELD_U64, replay_coroutines_setup_ns),
    PLAIN(FIELD_U64, replay_processes_setup_ns),
    PLAIN(FIELD_U64, replay_hybrid_setup_ns),
    PLAIN(FIELD_DOUBLE, replay_slowdown),
    COUNTED(FIELD_STRUCTS, repeats, n_repeats, MAX_REPEATS, repeat_fields),
    END,
};
#undef STRUCT
