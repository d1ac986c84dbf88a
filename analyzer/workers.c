/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/workers.h"

#include <math.h>

#include "analyzer/forecast.h"
#include "analyzer/lanes.h"
#include "analyzer/profile/profile.h"
#include "base/base.h"

/* CPUs this busy are what more workers would queue for. */
#define BUSY_SHARE 0.75

/* The machine needs some of its memory for itself. */
#define USABLE_MEMORY_SHARE 0.9

static bool has_loops(enum model model)
{
    return model == MODEL_COROUTINES || model == MODEL_PROCESSES_COROUTINES;
}

static bool has_processes(enum model model)
{
    return model == MODEL_PROCESSES || model == MODEL_PROCESSES_COROUTINES;
}

/* The number that a bound of the kind lowers: processes have memory, loops have waits. */
static uint32_t *count_of(struct model_evidence *row, bool waits)
{
    return row->model == MODEL_COROUTINES || (waits && has_loops(row->model)) ? &row->in_flight : &row->workers;
}

static void lower(struct model_evidence *row, bool waits, uint64_t most, enum worker_bound bound)
{
    uint32_t *count = count_of(row, waits);

    if (most < 1)
        most = 1;
    if (*count <= most)
        return;
    *count = (uint32_t)most;
    row->bound = bound;
    if (row->model == MODEL_COROUTINES)
        row->workers = *count;
}

/* Waits that the event loops of the target had outstanding at once; 0: not known, or one after the other. */
static uint64_t outstanding(const struct measurement *m, const struct profile *p)
{
    uint64_t sum = 0;

    /* A mean over all the time that a loop waits is too little where it mostly waits for its own threads. */
    if (p->executor_threads)
        return p->current_workers > p->executor_threads ? p->current_workers : 0;
    for (size_t i = 0; i < m->n_loops; i++)
        sum += lanes_loop_peak(&m->loops[i]);
    return sum > 1 ? sum : 0;
}

/* An event loop shows how many waits there are to overlap; another model has no more of them. */
static void bound_by_waits(const struct measurement *m, const struct forecast *f, struct model_evidence *row)
{
    uint64_t most = outstanding(m, f->profile);
    uint32_t processes = row->model == MODEL_PROCESSES_COROUTINES ? row->workers : 1;

    if (most > 0 && has_loops(f->profile->current_model) && row->model != f->profile->current_model)
        lower(row, true, (most + processes - 1) / processes, BOUND_OUTSTANDING);
}

/* A process needs its own memory; what the target's processes had of their own says more than small replayed ones. */
static void bound_by_memory(const struct measurement *m, const struct forecast *f, uint64_t replay_rss_bytes,
                            struct model_evidence *row)
{
    uint64_t limit = m->machine.memory_bytes, used = m->n_processes > 0 ? m->processes[0].peak_rss_bytes : 0;

    if (m->machine.memory_limit_bytes > 0 && (limit == 0 || m->machine.memory_limit_bytes < limit))
        limit = m->machine.memory_limit_bytes;
    row->worker_bytes = row->workers > 0 ? replay_rss_bytes / row->workers : 0;
    if (has_processes(row->model) && f->profile->private_bytes > row->worker_bytes)
        row->worker_bytes = f->profile->private_bytes;
    if (limit == 0 || row->worker_bytes == 0 || row->model == MODEL_COROUTINES || row->workers < 2)
        return;
    limit = (uint64_t)(USABLE_MEMORY_SHARE * (double)limit);
    lower(row, false, limit > used ? (limit - used) / row->worker_bytes : 1, BOUND_MEMORY);
}

/* What the knee of the curve was due to. */
static enum worker_bound bound_of_knee(const struct measurement *m, const struct forecast *f, double busy_cpus,
                                       const struct model_evidence *row)
{
    const struct profile *p = f->profile;
    uint64_t at_once =
        row->model == MODEL_PROCESSES_COROUTINES ? (uint64_t)row->in_flight * row->workers : row->workers;

    if (at_once < 2)
        return BOUND_NONE;
    if (row->model != MODEL_COROUTINES && row->workers >= f->cpus && busy_cpus >= BUSY_SHARE * f->cpus)
        return f->same_machine && m->machine.cpu_quota > 0.0 && f->cpus < m->machine.cpus_allowed ? BOUND_CPU_QUOTA
                                                                                                  : BOUND_CPUS;
    return at_once >= p->n_items && !p->divisible ? BOUND_ITEMS : BOUND_NONE;
}

void workers_bound(const struct measurement *m, const struct forecast *f, double busy_cpus, uint64_t replay_rss_bytes,
                   struct model_evidence *row)
{
    row->bound = row->model == MODEL_SERIAL ? BOUND_NONE : bound_of_knee(m, f, busy_cpus, row);
    bound_by_waits(m, f, row);
    bound_by_memory(m, f, replay_rss_bytes, row);
}
