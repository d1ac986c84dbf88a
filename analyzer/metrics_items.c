/* SPDX-License-Identifier: BSD-2-Clause */
/* Metrics of lanes as units of work: how many at once, how short-lived, how large an item, how much memory. */
#include "analyzer/metrics.h"

#include <math.h>

#include "analyzer/lanes.h"
#include "base/base.h"
#include "probe/measurement.h"

/*
 * Cost of starting and reaping one worker, in CPU time. Measured on a 2-core virtual machine: fork+wait of CPython
 * 1.1 ms, multiprocessing.Process 2.6 ms, fork+exec of /bin/true 0.8 ms, python3 -c '' 41 ms, threading.Thread 0.18 ms,
 * java.lang.Thread of JDK 17 0.11-0.18 ms; the figures here are about half of that, so that nothing is blamed on a fast
 * machine.
 */
static uint64_t process_start_ns(enum runtime_kind runtime, bool execed)
{
    switch (runtime) {
    case RUNTIME_CPYTHON:
    case RUNTIME_PYPY:
    case RUNTIME_RUBY:
        return (execed ? 20000 : 1200) * NSEC_PER_USEC;
    case RUNTIME_NODE:
    case RUNTIME_JVM:
        return 30 * NSEC_PER_MSEC;
    case RUNTIME_NATIVE:
    case RUNTIME_GO:
    case RUNTIME_COUNT:
        break;
    }
    return (execed ? 500 : 200) * NSEC_PER_USEC;
}

uint64_t metrics_process_start_ns(const struct measurement *m)
{
    return process_start_ns(m->target.runtime.kind, false);
}

uint64_t metrics_thread_start_ns(const struct measurement *m)
{
    switch (m->target.runtime.kind) {
    case RUNTIME_CPYTHON:
    case RUNTIME_PYPY:
    case RUNTIME_RUBY:
        return 80 * NSEC_PER_USEC;
    case RUNTIME_NODE:
        return 10 * NSEC_PER_MSEC;
    case RUNTIME_JVM:
        return 50 * NSEC_PER_USEC;
    case RUNTIME_NATIVE:
    case RUNTIME_GO:
    case RUNTIME_COUNT:
        break;
    }
    return 20 * NSEC_PER_USEC;
}

/* CPU time of threads (or of processes, by their main threads' lanes) that were made for a moment. */
struct brief {
    double n;
    double life_ns;
    double cpu_ns;
    double start_ns;
};

/*
 * Sampling misses what begins and ends between two looks; from CPU time the probe knows about how many that were. They
 * are like those that were seen, only shorter.
 */
static void add_unseen_processes(const struct measurement *m, struct brief *ret)
{
    double unseen = m->processes_total > m->n_processes ? (double)(m->processes_total - m->n_processes) : 0;

    if (strcmp(m->probe, "procfs") != 0 || ret->n < 1)
        return;
    ret->life_ns += unseen * ret->life_ns / ret->n;
    ret->start_ns += unseen * ret->start_ns / ret->n;
    ret->n += unseen;
}

static void add_brief_processes(const struct measurement *m, const struct lanes *lanes, double *v, struct brief *ret)
{
    for (size_t i = 0; i < m->n_processes; i++) {
        const struct process *p = &m->processes[i];

        if (!lanes_process_is_short(m, p))
            continue;
        ret->n++;
        ret->life_ns += (double)(p->death_ns - p->birth_ns);
        ret->start_ns += (double)process_start_ns(p->runtime, p->execed);
    }
    add_unseen_processes(m, ret);
    for (size_t i = 0; i < lanes->n; i++)
        if (lanes->items[i].short_process)
            ret->cpu_ns += (double)lanes->items[i].thread->on_cpu_ns;
    v[METRIC_SHORT_PROCESSES] = ret->n;
    v[METRIC_SHORT_PROCESS_MEAN_NS] = metrics_share(ret->life_ns, ret->n);
    v[METRIC_PROCESS_START_SHARE] = fmin(1.0, metrics_share(ret->start_ns, (double)lanes->work_ns));
}

static void add_brief_threads(const struct measurement *m, const struct lanes *lanes, double *v, struct brief *ret)
{
    for (size_t i = 0; i < lanes->n; i++) {
        const struct lane *lane = &lanes->items[i];

        if (!lane->short_thread)
            continue;
        ret->n++;
        ret->life_ns += (double)(lane->thread->death_ns - lane->thread->birth_ns);
        ret->cpu_ns += (double)lane->thread->on_cpu_ns;
        ret->start_ns += (double)metrics_thread_start_ns(m);
    }
    v[METRIC_SHORT_THREADS] = ret->n;
    v[METRIC_SHORT_THREAD_MEAN_NS] = metrics_share(ret->life_ns, ret->n);
    v[METRIC_THREAD_START_SHARE] = fmin(1.0, metrics_share(ret->start_ns, (double)lanes->work_ns));
}

/* A handful of starts is how every program begins; a worker per item makes dozens. */
#define BRIEF_MIN 20.0

static void add_item_size(const struct measurement *m, const struct lanes *lanes, const struct brief *brief, double *v)
{
    double items = fmax(v[METRIC_LANES_WORKING], 1.0), cpu = (double)lanes->on_cpu_ns;

    if (brief->n >= BRIEF_MIN) {
        items = brief->n;
        cpu = brief->cpu_ns;
    } else if (v[METRIC_EXTERNAL_WAITS] >= 2.0 && v[METRIC_EXTERNAL_WAIT_SHARE] >= 0.05) {
        items = v[METRIC_EXTERNAL_WAITS];
    } else if (lanes->n >= 2 && v[METRIC_MESSAGES] > items) {
        items = v[METRIC_MESSAGES];
    }
    v[METRIC_WORK_ITEMS] = items;
    v[METRIC_ITEM_NS] = cpu / items;
    v[METRIC_ITEM_PER_PROCESS_START] = metrics_share(cpu / items, (double)metrics_process_start_ns(m));
}

static bool is_substantial(const struct lane *lane)
{
    return lane->substantial;
}

/*
 * Go's scheduler hands a goroutine on from thread to thread (runtime/proc.go, handoffp() and retake()), so one that
 * computes all the time leaves several busy threads behind. How many wanted a CPU at once tells; nothing is made of it
 * where threads mostly wait, because what goroutines wait for is not in a trace.
 */
static double working_at_once(const struct measurement *m, const struct lanes *lanes, const double *v)
{
    double demand = v[METRIC_CPU_DEMAND_PER_CPU] * v[METRIC_CPUS];

    if (m->target.runtime.kind == RUNTIME_GO && demand >= 0.7 && demand < 1.5)
        return 1.0;
    return lanes_peak(lanes, is_substantial);
}

/* A thread that did one small thing and ended: hardly any waits, hardly any CPU. */
static bool is_one_shot(const struct lane *lane)
{
    const struct thread *t = lane->thread;

    return !lane->main && !t->alive && lane->external_count <= 8 && t->blocked_count[CAUSE_HANDOFF] <= 8 &&
           t->on_cpu_ns <= 50 * NSEC_PER_MSEC;
}

/* Memory appears and goes. */
struct edge {
    uint64_t at_ns;
    double bytes;
};

static int compare_edge(const void *a, const void *b)
{
    const struct edge *x = a, *y = b;

    if (x->at_ns != y->at_ns)
        return x->at_ns < y->at_ns ? -1 : 1;
    return (x->bytes > y->bytes) - (x->bytes < y->bytes);
}

/* The most memory resident at once. A forked copy shares its parent's pages: only its private ones are its own. */
static int memory_demand(const struct measurement *m, double *ret_bytes)
{
    AUTO_FREE struct edge *edges = calloc(2 * m->n_processes + 1, sizeof(*edges));
    double now = 0.0, peak = 0.0;
    size_t n = 0;

    if (!edges)
        return -ENOMEM;
    for (size_t i = 0; i < m->n_processes; i++) {
        const struct process *p = &m->processes[i];
        bool own = i == 0 || p->execed;
        double bytes = (double)(own ? p->peak_rss_bytes : p->private_bytes);

        edges[n++] = (struct edge){p->birth_ns, bytes};
        edges[n++] = (struct edge){p->death_ns, -bytes};
    }
    qsort(edges, n, sizeof(*edges), compare_edge);
    for (size_t i = 0; i < n; i++) {
        now += edges[i].bytes;
        peak = fmax(peak, now);
    }
    *ret_bytes = peak;
    return 0;
}

int metrics_add_items(const struct measurement *m, const struct lanes *lanes, struct metrics *metrics)
{
    double *v = metrics->value;
    struct brief processes = {0}, threads = {0};
    uint64_t limit = m->machine.memory_bytes;
    int r;

    if (m->machine.memory_limit_bytes > 0 && (limit == 0 || m->machine.memory_limit_bytes < limit))
        limit = m->machine.memory_limit_bytes;
    r = memory_demand(m, &v[METRIC_MEMORY_DEMAND_BYTES]);
    if (r < 0)
        return r;
    v[METRIC_MEMORY_SHARE] = metrics_share(v[METRIC_MEMORY_DEMAND_BYTES], (double)limit);
    v[METRIC_LANES_WORKING] = working_at_once(m, lanes, v);
    v[METRIC_PROCESSES_WORKING] = lanes_peak_processes(lanes, is_substantial);
    v[METRIC_ONE_SHOT_THREADS_LIVE] = lanes_peak(lanes, is_one_shot);
    add_brief_processes(m, lanes, v, &processes);
    add_brief_threads(m, lanes, v, &threads);
    if (processes.n < BRIEF_MIN)
        v[METRIC_PROCESS_START_SHARE] = 0.0;
    if (threads.n < BRIEF_MIN)
        v[METRIC_THREAD_START_SHARE] = 0.0;
    add_item_size(m, lanes, processes.cpu_ns >= threads.cpu_ns ? &processes : &threads, v);
    return 0;
}
