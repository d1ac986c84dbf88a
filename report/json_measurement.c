/* SPDX-License-Identifier: BSD-2-Clause */

/* What was measured: sums, threads, processes, places, peers, event loops, loss. */

#include "report/json_out.h"

/* Rows shown, largest first; the saved measurement has them all. */
#define SITES_SHOWN 64
#define PEERS_SHOWN 128
#define MEMORY_POINTS_SHOWN 64

static json_t *thread_object(struct json_out *o, const struct thread *thread)
{
    json_t *out = json_object();

    out_set(o, out, "tid", json_integer(thread->tid));
    out_set(o, out, "pid", json_integer(thread->pid));
    out_set(o, out, "parent_tid", json_integer(thread->parent_tid));
    out_set(o, out, "name", OUT_FIELD(thread->name));
    out_set(o, out, "birth_ns", out_number(thread->birth_ns));
    out_set(o, out, "death_ns", out_number(thread->death_ns));
    out_set(o, out, "alive", json_boolean(thread->alive));
    out_set(o, out, "on_cpu_ns", out_number(thread->on_cpu_ns));
    out_set(o, out, "user_ns", out_number(thread->user_ns));
    out_set(o, out, "system_ns", out_number(thread->system_ns));
    out_set(o, out, "runnable_ns", out_number(thread->runnable_ns));
    out_set(o, out, "blocked_ns", out_causes(o, thread->blocked_ns));
    out_set(o, out, "unattributed_ns", out_number(thread->unattributed_ns));
    out_set(o, out, "voluntary_switches", out_number(thread->voluntary_switches));
    out_set(o, out, "involuntary_switches", out_number(thread->involuntary_switches));
    out_set(o, out, "runtime_internal", json_boolean(thread->runtime_internal));
    return out;
}

/* Every so many of the points, the last one always. */
static json_t *memory_array(struct json_out *o, const struct process *process)
{
    size_t stride = process->n_memory / MEMORY_POINTS_SHOWN + 1;
    json_t *points = json_array();

    for (size_t i = 0; i < process->n_memory; i++) {
        const struct memory_point *point = &process->memory[i];
        json_t *item;

        if ((process->n_memory - 1 - i) % stride != 0)
            continue;
        item = json_object();
        out_set(o, item, "at_ns", out_number(point->at_ns));
        out_set(o, item, "rss_bytes", out_number(point->rss_bytes));
        out_set(o, item, "private_bytes", out_number_or_null(point->private_bytes));
        out_push(o, points, item);
    }
    return points;
}

static json_t *io_object(struct json_out *o, const struct process *process)
{
    json_t *out;

    if (process->reads == 0 && process->writes == 0 && process->read_bytes == 0 && process->written_bytes == 0)
        return json_null();
    out = json_object();
    out_set(o, out, "read_bytes", out_number(process->read_bytes));
    out_set(o, out, "written_bytes", out_number(process->written_bytes));
    out_set(o, out, "reads", out_number(process->reads));
    out_set(o, out, "writes", out_number(process->writes));
    return out;
}

static json_t *process_object(struct json_out *o, const struct process *process)
{
    json_t *out = json_object();

    out_set(o, out, "pid", json_integer(process->pid));
    out_set(o, out, "parent_pid", json_integer(process->parent_pid));
    out_set(o, out, "name", OUT_FIELD(process->name));
    out_set(o, out, "birth_ns", out_number(process->birth_ns));
    out_set(o, out, "death_ns", out_number(process->death_ns));
    out_set(o, out, "alive", json_boolean(process->alive));
    out_set(o, out, "threads", out_number(process->threads));
    out_set(o, out, "peak_rss_bytes", process->peak_rss_bytes ? out_number(process->peak_rss_bytes) : json_null());
    out_set(o, out, "private_bytes", process->private_bytes ? out_number(process->private_bytes) : json_null());
    out_set(o, out, "listens", json_boolean(process->listens));
    out_set(o, out, "max_connections", out_number(process->max_connections));
    out_set(o, out, "io", io_object(o, process));
    out_set(o, out, "memory", memory_array(o, process));
    return out;
}

static json_t *parallelism_object(struct json_out *o, const struct measurement *m)
{
    json_t *times = json_array();
    json_t *out = json_object();

    for (size_t i = 0; i < m->n_parallelism; i++)
        out_push(o, times, out_number(m->parallelism_ns[i]));
    out_set(o, out, "mean", out_real(m->wall_ns ? (double)m->on_cpu_ns / (double)m->wall_ns : 0.0));
    out_set(o, out, "time_at_ns", times);
    return out;
}

static json_t *loss_object(struct json_out *o, const struct loss *loss)
{
    json_t *out = json_object();

    out_set(o, out, "slices_dropped", out_number(loss->slices_dropped));
    out_set(o, out, "threads_dropped", out_number(loss->threads_dropped));
    out_set(o, out, "threads_omitted", out_number(loss->threads_omitted));
    out_set(o, out, "futexes_unnamed", out_number(loss->futexes_unnamed));
    out_set(o, out, "repaired", out_number(loss->repaired));
    out_set(o, out, "repaired_ns", out_number(loss->repaired_ns));
    out_set(o, out, "stacks_taken", out_number(loss->stacks_taken));
    out_set(o, out, "stacks_failed", out_number(loss->stacks_failed));
    out_set(o, out, "decimation", out_number(loss->decimation));
    return out;
}

static json_t *stacks_object(struct json_out *o, const struct loss *loss)
{
    uint64_t failed = loss->stacks_failed < loss->stacks_taken ? loss->stacks_failed : loss->stacks_taken;
    json_t *out = json_object();

    out_set(o, out, "taken", out_number(loss->stacks_taken));
    out_set(o, out, "failed", out_number(failed));
    out_set(o, out, "lost", out_number(loss->stacks_lost));
    out_set(o, out, "named_share",
            loss->stacks_taken ? out_real((double)(loss->stacks_taken - failed) / (double)loss->stacks_taken)
                               : json_null());
    return out;
}

static json_t *sites_array(struct json_out *o, const struct site *sites, size_t n)
{
    json_t *out = json_array();

    for (size_t i = 0; i < n && i < SITES_SHOWN; i++)
        out_push(o, out, out_site(o, &sites[i]));
    return out;
}

static json_t *loop_object(struct json_out *o, const struct event_loop *loop)
{
    json_t *out = json_object();

    out_set(o, out, "tid", json_integer(loop->tid));
    out_set(o, out, "pid", json_integer(loop->pid));
    out_set(o, out, "kind", OUT_FIELD(loop->kind));
    out_set(o, out, "turns", out_number(loop->turns));
    out_set(o, out, "wait_ns", out_number(loop->wait_ns));
    out_set(o, out, "busy_cpu_ns", out_number(loop->busy_cpu_ns));
    out_set(o, out, "blocked_in_turn_ns", out_number(loop->blocked_in_turn_ns));
    out_set(o, out, "blocked_in_turn_count", out_number(loop->blocked_in_turn_count));
    out_set(o, out, "longest_stall_ns", out_number(loop->longest_stall_ns));
    out_set(o, out, "stalls", out_number(loop->stalls));
    out_set(o, out, "stall_ns", out_number(loop->stall_ns));
    out_set(o, out, "epoll_fd", loop->epoll_fd ? json_integer(loop->epoll_fd) : json_null());
    out_set(o, out, "pool_threads", out_number(loop->pool_threads));
    out_set(o, out, "pool_full_ns", out_number(loop->pool_full_ns));
    out_set(o, out, "outstanding_mean", out_real(loop->outstanding_mean));
    out_set(o, out, "outstanding_max", out_number(loop->outstanding_max));
    return out;
}

static json_t *peer_object(struct json_out *o, const struct peer *peer)
{
    json_t *out = json_object();

    out_set(o, out, "pid", json_integer(peer->pid));
    out_set(o, out, "address", OUT_FIELD(peer->address));
    out_set(o, out, "connects", out_number(peer->connects));
    out_set(o, out, "established", out_number(peer->established));
    out_set(o, out, "handshake_ns", out_number(peer->handshake_ns));
    out_set(o, out, "first_ns", out_number(peer->first_ns));
    out_set(o, out, "last_ns", out_number(peer->last_ns));
    out_set(o, out, "stack", out_frames(o, peer->frames, peer->n_frames));
    return out;
}

/* Where it waited, who held what, who ended it, with whom it spoke. */
static void add_places(struct json_out *o, json_t *out, const struct measurement *m)
{
    json_t *loops = json_array();
    json_t *peers = json_array();

    for (size_t i = 0; i < m->n_loops; i++)
        out_push(o, loops, loop_object(o, &m->loops[i]));
    for (size_t i = 0; i < m->n_peers && i < PEERS_SHOWN; i++)
        out_push(o, peers, peer_object(o, &m->peers[i]));
    out_set(o, out, "sites", sites_array(o, m->sites, m->n_sites));
    out_set(o, out, "holders", sites_array(o, m->holders, m->n_holders));
    out_set(o, out, "wait_for", json_wait_for(o, m));
    out_set(o, out, "loops", loops);
    out_set(o, out, "peers", peers);
    out_set(o, out, "modules", out_strings(o, m->modules, m->n_modules));
    out_set(o, out, "stacks", stacks_object(o, &m->loss));
}

/* With -r: the totals of every run. */
static json_t *runs_array(struct json_out *o, const struct measurement *m)
{
    json_t *out = json_array();

    for (size_t i = 0; i < m->n_repeats; i++) {
        const struct repeat *run = &m->repeats[i];
        json_t *item = json_object();

        out_set(o, item, "wall_ns", out_number(run->wall_ns));
        out_set(o, item, "thread_time_ns", out_number(run->thread_time_ns));
        out_set(o, item, "on_cpu_ns", out_number(run->on_cpu_ns));
        out_set(o, item, "runnable_ns", out_number(run->runnable_ns));
        out_set(o, item, "blocked_ns", out_causes(o, run->blocked_ns));
        out_set(o, item, "unattributed_ns", out_number(run->unattributed_ns));
        out_push(o, out, item);
    }
    return out;
}

json_t *json_measurement(struct json_out *o, const struct measurement *m)
{
    json_t *threads = json_array();
    json_t *processes = json_array();
    json_t *out = json_object();

    for (size_t i = 0; i < m->n_threads; i++)
        out_push(o, threads, thread_object(o, &m->threads[i]));
    for (size_t i = 0; i < m->n_processes; i++)
        out_push(o, processes, process_object(o, &m->processes[i]));

    out_set(o, out, "wall_ns", out_number(m->wall_ns));
    out_set(o, out, "thread_time_ns", out_number(m->thread_time_ns));
    out_set(o, out, "on_cpu_ns", out_number(m->on_cpu_ns));
    out_set(o, out, "user_ns", out_number(m->user_ns));
    out_set(o, out, "system_ns", out_number(m->system_ns));
    out_set(o, out, "runnable_ns", out_number(m->runnable_ns));
    out_set(o, out, "blocked_ns", out_causes(o, m->blocked_ns));
    out_set(o, out, "blocked_count", out_causes(o, m->blocked_count));
    out_set(o, out, "unattributed_ns", out_number(m->unattributed_ns));
    out_set(o, out, "voluntary_switches", out_number(m->voluntary_switches));
    out_set(o, out, "involuntary_switches", out_number(m->involuntary_switches));
    out_set(o, out, "cpu_samples", out_number(m->cpu_samples));
    out_set(o, out, "lock_held_samples", out_number(m->lock_held_samples));
    out_set(o, out, "threads", out_number(m->threads_total));
    out_set(o, out, "processes", out_number(m->processes_total));
    out_set(o, out, "max_live_threads", out_number(m->max_live_threads));
    out_set(o, out, "max_live_processes", out_number(m->max_live_processes));
    out_set(o, out, "parallelism", parallelism_object(o, m));
    out_set(o, out, "threads_detail", threads);
    out_set(o, out, "processes_detail", processes);
    add_places(o, out, m);
    out_set(o, out, "loss", loss_object(o, &m->loss));
    out_set(o, out, "overhead_ns", out_number(m->overhead_ns));
    out_set(o, out, "notes", out_strings(o, m->notes, m->n_notes));
    out_set(o, out, "runs", runs_array(o, m));
    return out;
}
