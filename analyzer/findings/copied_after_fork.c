/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/findings/detect.h"

#include <math.h>

#define MIB 1048576.0
#define MIN_COPIED (10.0 * MIB)

static const struct process *find_process(const struct measurement *m, int32_t pid)
{
    for (size_t i = 0; i < m->n_processes; i++)
        if (m->processes[i].pid == pid)
            return &m->processes[i];
    return NULL;
}

/* Resident memory at a time: the last look before it, else the first. 0: nobody looked */
static double rss_at(const struct process *process, uint64_t at_ns)
{
    double rss = process->n_memory > 0 ? (double)process->memory[0].rss_bytes : 0.0;

    for (size_t i = 0; i < process->n_memory && process->memory[i].at_ns <= at_ns; i++)
        rss = (double)process->memory[i].rss_bytes;
    return rss;
}

/* The last look that told private pages from shared ones while the parent was there to share them; NULL: none. */
static const struct memory_point *last_private(const struct process *process, const struct process *parent)
{
    for (size_t i = process->n_memory; i-- > 0;)
        if (process->memory[i].private_bytes > 0 && process->memory[i].at_ns < parent->death_ns)
            return &process->memory[i];
    return NULL;
}

/*
 * A fork shares all pages until one side writes. What is private now and was not allocated since was copied. The parent
 * that lets go of memory makes it private, too: that part is left out.
 */
static double copied_bytes(const struct process *process, const struct process *parent)
{
    const struct memory_point *last = last_private(process, parent);
    double parent_rss = rss_at(parent, process->birth_ns), first, grown, freed;

    if (!last || parent_rss <= 0.0)
        return 0.0;
    first = fmin((double)process->memory[0].rss_bytes, parent_rss);
    grown = fmax(0.0, (double)last->rss_bytes - first);
    freed = fmax(0.0, parent_rss - rss_at(parent, last->at_ns));
    return fmax(0.0, (double)last->private_bytes - grown - freed);
}

static bool is_interpreted(enum runtime_kind runtime)
{
    return runtime == RUNTIME_CPYTHON || runtime == RUNTIME_PYPY || runtime == RUNTIME_RUBY;
}

static char *remedy_of(enum runtime_kind runtime)
{
    if (runtime == RUNTIME_CPYTHON)
        return words_format(
            "arrays (numpy, array) or shared memory instead of many objects, or load in the worker only "
            "the part it needs; gc.freeze() right before the fork saves what the collector would copy");
    if (runtime == RUNTIME_RUBY)
        return words_format("Process.warmup (or GC.compact) right before the fork, or load in the worker only the part "
                            "it needs");
    return words_format(
        "keep what is written apart from what is only read, or load in the worker only the part it needs");
}

/*
 * CA4201: forked workers copied a good part of their parent's memory after all. A single child of a native program that
 * writes (redis saves its data that way) does what it is for.
 */
int find_copied_after_fork(const struct finding_context *c, struct finding_list *list)
{
    double copied = 0.0, largest_parent = 0.0, limit = (double)c->m->machine.memory_bytes;
    enum runtime_kind runtime = RUNTIME_NATIVE;
    unsigned workers = 0;
    int r;

    for (size_t i = 0; i < c->m->n_processes; i++) {
        const struct process *process = &c->m->processes[i];
        const struct process *parent = process->execed || process->launcher || process->n_memory == 0
                                           ? NULL
                                           : find_process(c->m, process->parent_pid);
        double bytes = parent ? copied_bytes(process, parent) : 0.0,
               rss = parent ? rss_at(parent, process->birth_ns) : 0.0;

        if (bytes < MIN_COPIED || bytes < 0.1 * rss)
            continue;
        workers++;
        copied += bytes;
        largest_parent = fmax(largest_parent, rss);
        runtime = process->runtime;
    }
    if (workers == 0 || (workers == 1 && !is_interpreted(runtime)))
        return 0;
    if (c->m->machine.memory_limit_bytes > 0)
        limit = fmin(limit > 0.0 ? limit : HUGE_VAL, (double)c->m->machine.memory_limit_bytes);
    r = finding_add(list, c,
                    (struct finding){.id = 4201,
                                     .severity = limit > 0.0 && copied >= 0.1 * limit ? SEVERITY_MEDIUM : SEVERITY_LOW,
                                     .time_ns = c->m->blocked_ns[CAUSE_MEMORY]},
                    words_format("%u worker%s copied %.0f MiB each of the %.0f MiB that they shared with their parent",
                                 workers, workers == 1 ? "" : "s", copied / workers / MIB, largest_parent / MIB),
                    NULL);
    return r < 0 ? r : finding_remedy(list, remedy_of(runtime));
}
