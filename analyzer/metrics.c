/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/metrics.h"

#include <math.h>

#include "analyzer/lanes.h"
#include "base/base.h"
#include "probe/measurement.h"

static const struct {
    const char *name;
    const char *unit;
    const char *words;
} table[METRIC_COUNT] = {
#define X(symbol, metric_name, metric_unit, metric_words) [METRIC_##symbol] = {metric_name, metric_unit, metric_words},
    METRIC_LIST(X)
#undef X
};

int metrics_from_str(const char *name, enum metric *ret)
{
    for (int i = 0; i < METRIC_COUNT; i++) {
        if (strcmp(table[i].name, name) == 0) {
            *ret = (enum metric)i;
            return 0;
        }
    }
    return -EINVAL;
}

const char *metrics_name(enum metric metric)
{
    return table[metric].name;
}

const char *metrics_unit(enum metric metric)
{
    return table[metric].unit;
}

const char *metrics_words(const char *name)
{
    enum metric metric;

    return metrics_from_str(name, &metric) < 0 ? name : table[metric].words;
}

int metrics_lookup(const char *name, double *ret_value, void *userdata)
{
    const struct metrics *metrics = userdata;
    enum metric metric;

    if (metrics_from_str(name, &metric) < 0)
        return -ENOENT;
    *ret_value = metrics->value[metric];
    return 0;
}

/* Time that was mended is none of it: the kernel's own counters say where it belongs. */
static double data_loss_share(const struct measurement *m)
{
    double by_time = metrics_share((double)m->unattributed_ns, (double)m->thread_time_ns);
    double by_threads =
        metrics_share((double)m->loss.threads_dropped, (double)(m->threads_total + m->loss.threads_dropped));

    return fmin(1.0, fmax(by_time, by_threads));
}

double metrics_slices_lost(const struct measurement *m)
{
    double lost = (double)m->loss.slices_dropped, kept = 0.0;

    for (size_t i = 0; i < m->n_threads; i++)
        kept += (double)m->threads[i].n_slices * m->loss.decimation;
    return metrics_share(lost, lost + kept);
}

/* Of the time at least one CPU was in use, the share with two or more. */
static double parallel_share(const struct measurement *m)
{
    double any = 0.0, several = 0.0;

    for (size_t k = 1; k < m->n_parallelism; k++) {
        any += (double)m->parallelism_ns[k];
        several += k >= 2 ? (double)m->parallelism_ns[k] : 0.0;
    }
    return metrics_share(several, any);
}

/* Samples see whether the lock is held only where it could be located. */
static double lock_held_share(const struct measurement *m, const struct lanes *lanes)
{
    int32_t pid = 0;
    bool one_process = true;

    if (m->cpu_samples > 0 && m->target.runtime.interpreter_lock != INTERPRETER_LOCK_UNKNOWN)
        return (double)m->lock_held_samples / (double)m->cpu_samples;
    for (size_t i = 0; i < lanes->n; i++) {
        if (!lanes->items[i].substantial)
            continue;
        one_process &= pid == 0 || pid == lanes->items[i].thread->pid;
        pid = lanes->items[i].thread->pid;
    }
    return lanes_locked_share_by_parallelism(m, one_process);
}

/*
 * Queues for mutexes that the program's people can mend: in Node.js and Go all mutexes are the runtime's own (libuv's
 * workers queue for theirs whenever they are woken).
 */
static double lock_wait_share(const struct measurement *m, const struct lanes *lanes)
{
    enum runtime_kind kind = m->target.runtime.kind;

    if (kind == RUNTIME_NODE || kind == RUNTIME_GO)
        return 0.0;
    return metrics_share((double)lanes->lock_ns, (double)lanes->work_ns);
}

static void add_time(const struct measurement *m, const struct lanes *lanes, uint32_t cpus, double *v)
{
    double wall = (double)m->wall_ns, busy = (double)lanes->busy_ns, work = (double)lanes->work_ns;
    double demand = (double)(lanes->on_cpu_ns + lanes->runnable_ns);

    v[METRIC_WALL_NS] = wall;
    v[METRIC_CPUS] = cpus;
    v[METRIC_DATA_LOSS_SHARE] = data_loss_share(m);
    v[METRIC_IDLE_SHARE] = metrics_share((double)lanes->idle_ns, (double)lanes->idle_ns + busy);
    v[METRIC_ACTIVE_LANES] = metrics_share(busy, wall);
    v[METRIC_MAX_LIVE_THREADS] = (double)m->max_live_threads;
    v[METRIC_HAS_INTERPRETER_LOCK] = m->target.runtime.interpreter_lock != INTERPRETER_LOCK_NONE;
    v[METRIC_GIL_WAIT_SHARE] = metrics_share((double)lanes->interpreter_lock_ns, work);
    v[METRIC_LOCK_WAIT_SHARE] = lock_wait_share(m, lanes);
    v[METRIC_LOCK_HELD_CPU_SHARE] = lock_held_share(m, lanes);
    v[METRIC_CPU_CORES_BUSY] = metrics_share((double)lanes->on_cpu_ns, wall);
    v[METRIC_CPU_DEMAND_PER_CPU] = metrics_share(demand, wall * cpus);
    v[METRIC_CPU_USED_SHARE] = fmin(1.0, v[METRIC_CPU_DEMAND_PER_CPU]);
    v[METRIC_CPU_PARALLEL_SHARE] = parallel_share(m);
    v[METRIC_RUNNABLE_SHARE] = metrics_share((double)lanes->runnable_ns, demand);
    v[METRIC_MACHINE_SATURATED] = v[METRIC_CPU_USED_SHARE] >= METRICS_SATURATED_SHARE;
    v[METRIC_SATURATED_NS] = v[METRIC_MACHINE_SATURATED] != 0.0 ? wall : 0.0;
}

/* Threads of one process share a lock; of several working processes each has one: their mean. */
static double interpreter_lock_busy_share(const double *v)
{
    if (v[METRIC_HAS_INTERPRETER_LOCK] == 0.0)
        return 0.0;
    return fmin(1.0, v[METRIC_CPU_CORES_BUSY] * v[METRIC_LOCK_HELD_CPU_SHARE] / fmax(1.0, v[METRIC_PROCESSES_WORKING]));
}

/*
 * What perfect concurrency could save, at most: active wall time minus what the CPUs need for the CPU work that is
 * asked for today (run-queue wait included: that work is offered already). Waste counts, too, even where CPUs look
 * full: starts of short-lived workers and messages are CPU work that needs not be, and lanes that queue for a lock are
 * not concurrent. Nothing gets shorter than the CPU work on all CPUs.
 */
static void add_potential_gain(const struct measurement *m, const struct lanes *lanes, uint32_t cpus, double *v)
{
    double wall = v[METRIC_WALL_NS], on_cpu = (double)lanes->on_cpu_ns;
    double active = fmin(wall, (double)(lanes->busy_ns + lanes->ipc_ns));
    double offered = (on_cpu + (double)lanes->runnable_ns) / cpus;
    double starts = (v[METRIC_PROCESS_START_SHARE] + v[METRIC_THREAD_START_SHARE]) * (double)lanes->work_ns;
    double per_message = m->target.runtime.interpreter_lock == INTERPRETER_LOCK_NONE ? 5e3 : 5e4;
    double messages = fmin(fmax(v[METRIC_MESSAGES] * per_message, v[METRIC_IPC_CPU_SHARE] * on_cpu), on_cpu);
    double waste = fmin(wall, (starts + messages) / fmax(1.0, v[METRIC_CPU_CORES_BUSY]));
    double queues = fmin(wall * v[METRIC_LOCK_WAIT_SHARE], fmax(0.0, wall - on_cpu / cpus));

    v[METRIC_POTENTIAL_GAIN_NS] = fmax(fmax(0.0, active - offered), fmax(waste, queues));
    v[METRIC_POTENTIAL_GAIN_SHARE] = metrics_share(v[METRIC_POTENTIAL_GAIN_NS], wall);
}

int metrics_compute(const struct measurement *m, const struct lanes *lanes, uint32_t cpus, struct metrics *ret)
{
    struct metrics metrics = {0};
    int r;

    if (cpus == 0)
        cpus = measurement_cpus(m);
    add_time(m, lanes, cpus, metrics.value);
    metrics_add_waits(m, lanes, &metrics);
    metrics_add_messages(m, lanes, &metrics);
    r = metrics_add_items(m, lanes, &metrics);
    if (r < 0)
        return r;
    metrics_add_loops(m, lanes, &metrics);
    metrics.value[METRIC_INTERPRETER_LOCK_BUSY_SHARE] = interpreter_lock_busy_share(metrics.value);
    add_potential_gain(m, lanes, cpus, metrics.value);
    *ret = metrics;
    return 0;
}
