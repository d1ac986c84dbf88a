/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/analyzer/synthetic.h"

static void *grown(void *array, size_t count, size_t size)
{
    void *result = realloc(array, count * size);

    if (!result)
        abort();
    return result;
}

struct measurement *synthetic_new(uint32_t cpus)
{
    struct measurement *m = measurement_new();

    if (!m)
        abort();
    m->machine.cpus = m->machine.cpus_allowed = cpus;
    (void)snprintf(m->probe, sizeof(m->probe), "bpf");
    m->target.exited = true;
    return m;
}

void synthetic_python(struct measurement *m)
{
    m->target.runtime.kind = RUNTIME_CPYTHON;
    m->target.runtime.interpreter_lock = INTERPRETER_LOCK_PRESENT;
    (void)snprintf(m->target.runtime.version, sizeof(m->target.runtime.version), "3.11.2");
}

size_t synthetic_thread(struct measurement *m, int32_t tid, int32_t pid, int32_t parent_tid, uint64_t birth_ns)
{
    m->threads = grown(m->threads, m->n_threads + 1, sizeof(*m->threads));
    m->threads[m->n_threads] =
        (struct thread){.tid = tid, .pid = pid, .parent_tid = parent_tid, .birth_ns = birth_ns, .death_ns = birth_ns};
    return m->n_threads++;
}

void synthetic_woken_slice(struct measurement *m, size_t thread, uint64_t on_cpu_ns, uint64_t blocked_ns,
                           enum cause cause, int32_t waker_tid)
{
    struct thread *t = &m->threads[thread];

    /* Slices grow by doubling: a power of two is full. */
    if ((t->n_slices & (t->n_slices - 1)) == 0)
        t->slices = grown(t->slices, t->n_slices ? 2 * t->n_slices : 1, sizeof(*t->slices));
    t->slices[t->n_slices++] =
        (struct slice){.on_cpu_ns = on_cpu_ns, .blocked_ns = blocked_ns, .cause = cause, .waker_tid = waker_tid};
    t->on_cpu_ns += on_cpu_ns;
    t->blocked_ns[cause] += blocked_ns;
    t->blocked_count[cause] += blocked_ns > 0;
    t->death_ns += on_cpu_ns + blocked_ns;
}

void synthetic_slice(struct measurement *m, size_t thread, uint64_t on_cpu_ns, uint64_t blocked_ns, enum cause cause)
{
    synthetic_woken_slice(m, thread, on_cpu_ns, blocked_ns, cause, 0);
}

void synthetic_queue_slice(struct measurement *m, size_t thread, uint64_t on_cpu_ns, uint64_t blocked_ns,
                           enum cause cause, uint64_t address, int32_t waker_tid, uint64_t waker_cpu_ns)
{
    struct slice *slice;

    synthetic_woken_slice(m, thread, on_cpu_ns, blocked_ns, cause, waker_tid);
    slice = &m->threads[thread].slices[m->threads[thread].n_slices - 1];
    slice->address = address;
    slice->waker_on_cpu_ns = waker_cpu_ns;
}

void synthetic_wait_site(struct measurement *m, enum cause cause, uint64_t count, uint32_t line)
{
    struct site *site;

    m->sites = grown(m->sites, m->n_sites + 1, sizeof(*m->sites));
    site = &m->sites[m->n_sites++];
    *site = (struct site){.cause = cause, .count = count, .time_ns = count * MS, .n_frames = 1};
    site->frames = grown(NULL, 1, sizeof(*site->frames));
    site->frames[0] = (struct frame){.function = strdup("work"), .line = line};
    if (!site->frames[0].function)
        abort();
}

struct process *synthetic_process(struct measurement *m, int32_t pid, int32_t parent_pid)
{
    m->processes = grown(m->processes, m->n_processes + 1, sizeof(*m->processes));
    m->processes[m->n_processes] =
        (struct process){.pid = pid, .parent_pid = parent_pid, .runtime = m->target.runtime.kind, .threads = 1};
    return &m->processes[m->n_processes++];
}

struct event_loop *synthetic_loop(struct measurement *m, int32_t tid, int32_t pid)
{
    m->loops = grown(m->loops, m->n_loops + 1, sizeof(*m->loops));
    m->loops[m->n_loops] = (struct event_loop){.tid = tid, .pid = pid, .kind = "asyncio"};
    return &m->loops[m->n_loops++];
}

void synthetic_finish(struct measurement *m)
{
    m->wall_ns = 0;
    for (size_t i = 0; i < m->n_threads; i++)
        if (m->threads[i].death_ns > m->wall_ns)
            m->wall_ns = m->threads[i].death_ns;
    measurement_sum_threads(m);
}
