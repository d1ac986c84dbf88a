/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/assemble/assemble.h"

#include "base/base.h"
#include "probe/assemble/assemble_parts.h"
#include "probe/cause.h"
#include "probe/follow/collector.h"
#include "probe/measurement.h"
#include "probe/runtime/detect.h"
#include "probe/runtime/thread_names.h"

static uint64_t since(const struct collector *c, uint64_t time)
{
    return time > c->released_ns ? time - c->released_ns : 0;
}

struct wait_context assemble_context(const struct run_process *process, bool interpreter_lock)
{
    return (struct wait_context){
        .interpreter_lock = interpreter_lock,
        .listens = process && process->listens,
        .connects = process && process->max_connections > 0,
        .own_waits = process && process->image && process->image->runtime.kind == RUNTIME_RUBY &&
                     process->image->runtime.interpreter_lock == INTERPRETER_LOCK_PRESENT,
        .runtime = process && process->image ? process->image->runtime.kind : RUNTIME_NATIVE,
    };
}

/* Spread a table of kinds over causes. What a futex wait owed to the interpreter lock has been set apart before. */
static void spread(const __u64 *ns, const __u64 *count, const struct wait_context *context, uint64_t *causes_ns,
                   uint64_t *causes_count, uint64_t *unattributed_ns)
{
    for (unsigned int kind = 0; kind < WAIT_KIND_COUNT; kind++) {
        enum cause cause = cause_of_wait(kind, context);

        if (cause == CAUSE_COUNT) {
            *unattributed_ns += ns[kind];
            continue;
        }
        causes_ns[cause] += ns[kind];
        causes_count[cause] += count[kind];
    }
}

/* The futex table is exact per thread, kind and address: it says which part of a thread's waits was for the GIL. */
static void name_futexes(struct collector *c)
{
    for (size_t i = 0; i < c->n_futexes; i++) {
        const struct wire_futex *futex = &c->futexes[i];
        const struct run_process *process = run_state_find_process(&c->state, futex->value.tgid);
        struct run_thread *thread = run_state_find_thread(&c->state, futex->key.tid);

        if (!thread || futex->key.kind >= WAIT_KIND_COUNT ||
            !run_state_is_interpreter_lock(process, (uint32_t)futex->key.address))
            continue;
        thread->interpreter_lock_ns[futex->key.kind] += futex->value.wait_ns;
        thread->interpreter_lock_count[futex->key.kind] += futex->value.waits;
    }
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void fill_causes(const struct run_thread *from, const struct run_process *process, struct thread *to)
{
    const struct slot *account = &from->account;
    __u64 ns[WAIT_KIND_COUNT], count[WAIT_KIND_COUNT], lock_ns[WAIT_KIND_COUNT] = {0},
                                                       lock_count[WAIT_KIND_COUNT] = {0};
    struct wait_context context = assemble_context(process, false), lock = assemble_context(process, true);

    for (unsigned int kind = 0; kind < WAIT_KIND_COUNT; kind++) {
        ns[kind] = account->blocked_ns[kind];
        count[kind] = account->blocked_count[kind];
        if (cause_is_futex(kind)) {
            lock_ns[kind] = min_u64(from->interpreter_lock_ns[kind], ns[kind]);
            lock_count[kind] = min_u64(from->interpreter_lock_count[kind], count[kind]);
            ns[kind] -= lock_ns[kind];
            count[kind] -= lock_count[kind];
        }
        if (cause_is_poll(kind)) {
            to->poll_ns += ns[kind];
            to->poll_count += count[kind];
        }
    }
    spread(ns, count, &context, to->blocked_ns, to->blocked_count, &to->unattributed_ns);
    spread(lock_ns, lock_count, &lock, to->blocked_ns, to->blocked_count, &to->unattributed_ns);
}

/* The kernel counts user and system time in ticks: take its proportion, and our own exact sum. */
static void split_cpu(uint64_t on_cpu, uint64_t user, uint64_t system, uint64_t *ret_user, uint64_t *ret_system)
{
    if (user + system == 0)
        return;
    *ret_user = (uint64_t)((double)on_cpu * (double)user / (double)(user + system));
    *ret_system = on_cpu - min_u64(*ret_user, on_cpu);
}

/* From its birth to its death, or to the end of the measurement. */
static uint64_t lifetime_of(const struct run_thread *thread)
{
    const struct slot *account = &thread->account;
    uint64_t end = account->death, sum = account->on_cpu_ns + account->runnable_ns;

    if (!thread->alive && end > account->birth)
        return end - account->birth;
    for (int kind = 0; kind < WAIT_KIND_COUNT; kind++)
        sum += account->blocked_ns[kind];
    return sum;
}

/*
 * A pool's thread that was given next to nothing: woken once or twice, or less than once a second, in a life of
 * waiting; timeouts wake nobody. That is no hand-off that somebody waited for. The first thread of a process does not
 * count: it waits for the others' results.
 */
static bool is_parked(const struct run_thread *thread)
{
    const struct slot *account = &thread->account;
    uint64_t count = account->blocked_count[WAIT_FUTEX_OTHER];
    uint64_t ns = account->blocked_ns[WAIT_FUTEX_OTHER] + account->blocked_ns[WAIT_FUTEX_TIMEOUT];

    return thread->tid != thread->tgid && ns > 0 && (count <= 2 || count * NSEC_PER_SEC <= ns) &&
           ns >= lifetime_of(thread) / 100 * 99 && account->on_cpu_ns < NSEC_PER_MSEC;
}

static void rename_cause(struct thread *thread, enum cause from, enum cause to)
{
    thread->blocked_ns[to] += thread->blocked_ns[from];
    thread->blocked_count[to] += thread->blocked_count[from];
    thread->blocked_ns[from] = thread->blocked_count[from] = 0;
    for (size_t i = 0; i < thread->n_slices; i++)
        if (thread->slices[i].cause == from)
            thread->slices[i].cause = to;
}

static int fill_slices(const struct run_thread *from, const struct run_process *process, struct thread *to)
{
    to->slices = calloc(from->n_slices ? from->n_slices : 1, sizeof(*to->slices));
    if (!to->slices)
        return -ENOMEM;
    for (size_t i = 0; i < from->n_slices; i++) {
        const struct run_slice *slice = &from->slices[i];
        struct wait_context context = assemble_context(
            process, cause_is_futex(slice->kind) && run_state_is_interpreter_lock(process, slice->address_low));
        enum cause cause = slice->blocked_ns ? cause_of_wait(slice->kind, &context) : CAUSE_OTHER;

        to->slices[to->n_slices++] = (struct slice){
            .on_cpu_ns = slice->on_cpu_ns,
            .runnable_ns = slice->runnable_ns,
            .blocked_ns = slice->blocked_ns,
            .cause = cause == CAUSE_COUNT ? CAUSE_OTHER : cause,
            .waker_tid = (int32_t)slice->waker_tid,
            .waker_on_cpu_ns = slice->waker_on_cpu_ns,
            .address = cause_is_futex(slice->kind) ? slice->address_low : 0,
        };
    }
    return 0;
}

/*
 * Every stretch was closed into one bucket, so their sum is the lifetime between the two stamps. What it falls short
 * of that is not attributed; it can exceed it by the nanoseconds that two CPUs' clocks differ.
 */
static void close_lifetime(const struct collector *c, const struct run_thread *from, struct thread *to)
{
    uint64_t end = from->alive ? c->final.end_ns : from->account.death;
    uint64_t lifetime = end > from->account.birth ? end - from->account.birth : 0;
    uint64_t sum = to->on_cpu_ns + to->runnable_ns + to->unattributed_ns;

    for (int cause = 0; cause < CAUSE_COUNT; cause++)
        sum += to->blocked_ns[cause];
    if (lifetime > sum)
        to->unattributed_ns += lifetime - sum;
    else
        lifetime = sum;
    to->death_ns = to->birth_ns + lifetime;
}

/*
 * A process that had ended before one of its ancestors became another program: the work of a wrapper script (a version
 * manager's, say), not of the program it started.
 */
static bool is_of_a_launcher(const struct collector *c, const struct run_process *process)
{
    uint64_t death = process && !process->alive ? process->death : 0;
    const struct run_process *ancestor = process;

    for (int depth = 0; death && ancestor && ancestor->parent_tgid && depth < 64; depth++) {
        ancestor = run_state_find_process(&c->state, ancestor->parent_tgid);
        if (ancestor && ancestor->exec_time >= death)
            return true;
    }
    return false;
}

static int fill_thread(const struct collector *c, const struct run_thread *from, struct thread *to)
{
    const struct run_process *process = run_state_find_process(&c->state, from->tgid);
    const struct slot *account = &from->account;
    int r;

    to->tid = (int32_t)from->tid;
    to->pid = (int32_t)from->tgid;
    to->parent_tid = (int32_t)(from->parent_tid ? from->parent_tid : account->parent_tid);
    memcpy(to->name, account->comm, sizeof(to->name));
    to->name[sizeof(to->name) - 1] = '\0';
    to->birth_ns = since(c, account->birth);
    to->alive = from->alive;
    to->on_cpu_ns = account->on_cpu_ns;
    to->runnable_ns = account->runnable_ns;
    split_cpu(to->on_cpu_ns, account->utime, account->stime, &to->user_ns, &to->system_ns);
    fill_causes(from, process, to);
    to->voluntary_switches = account->voluntary;
    to->involuntary_switches = account->involuntary;
    /* Of other interpreters with a lock nobody knows whether a sample held it. */
    if (!process || !process->image || process->image->has_offsets ||
        process->image->runtime.interpreter_lock == INTERPRETER_LOCK_NONE) {
        to->cpu_samples = account->cpu_samples;
        to->lock_held_samples = account->lock_held_samples;
    }
    to->runtime_internal = is_of_a_launcher(c, process) ||
                           (process && process->image && thread_is_internal(process->image->runtime.kind, to->name)) ||
                           thread_is_of_kernel(to->name) || assemble_is_helper(from, process);
    close_lifetime(c, from, to);
    r = fill_slices(from, process, to);
    if (r == 0 && is_parked(from))
        rename_cause(to, CAUSE_HANDOFF, CAUSE_IDLE);
    if (r == 0)
        assemble_runtime_waits(from, process, to);
    return r;
}

static int fill_threads(struct collector *c, struct measurement *m)
{
    m->threads = calloc(c->state.n_threads, sizeof(*m->threads));
    if (!m->threads)
        return -ENOMEM;
    for (size_t i = 0; i < c->state.n_threads; i++) {
        struct run_thread *thread = &c->state.threads[i];
        int r;

        if (!thread->closed)
            continue; /* its account was lost with the obituary: it is in the totals only */
        run_thread_sort_slices(thread);
        r = fill_thread(c, thread, &m->threads[m->n_threads]);
        if (r < 0)
            return r;
        m->n_threads++;
    }
    return 0;
}

static void fill_io(const struct run_process *from, struct process *to)
{
    to->read_bytes = from->io_dead.read_bytes + from->io_alive.read_bytes;
    to->written_bytes = from->io_dead.written_bytes + from->io_alive.written_bytes;
    to->reads = from->io_dead.reads + from->io_alive.reads;
    to->writes = from->io_dead.writes + from->io_alive.writes;
}

static int fill_memory(const struct collector *c, const struct run_process *from, struct process *to)
{
    if (!from->n_memory)
        return 0;
    to->memory = calloc(from->n_memory, sizeof(*to->memory));
    if (!to->memory)
        return -ENOMEM;
    for (size_t i = 0; i < from->n_memory; i++) {
        to->memory[i] = from->memory[i];
        to->memory[i].at_ns = since(c, from->memory[i].at_ns);
    }
    to->n_memory = from->n_memory;
    return 0;
}

static int fill_processes(const struct collector *c, struct measurement *m)
{
    m->processes = calloc(c->state.n_processes ? c->state.n_processes : 1, sizeof(*m->processes));
    if (!m->processes)
        return -ENOMEM;
    for (size_t i = 0; i < c->state.n_processes; i++) {
        const struct run_process *from = &c->state.processes[i];
        const struct run_thread *leader = run_state_find_thread(&c->state, from->tgid);
        struct process *to = &m->processes[m->n_processes++];

        to->pid = (int32_t)from->tgid;
        to->parent_pid = (int32_t)from->parent_tgid;
        to->birth_ns = since(c, from->birth);
        to->death_ns = since(c, from->alive ? c->final.end_ns : from->death);
        if (to->death_ns < to->birth_ns)
            to->death_ns = to->birth_ns;
        to->alive = from->alive;
        if (leader) {
            memcpy(to->name, leader->account.comm, sizeof(to->name));
            to->name[sizeof(to->name) - 1] = '\0';
        }
        to->execed = from->execed;
        to->launcher = is_of_a_launcher(c, from);
        to->runtime = from->image ? from->image->runtime.kind : RUNTIME_NATIVE;
        to->peak_rss_bytes = from->peak_rss_bytes;
        to->private_bytes = from->private_bytes;
        to->threads = from->threads ? from->threads : 1;
        to->listens = from->listens;
        to->max_connections = from->max_connections;
        fill_io(from, to);
        if (fill_memory(c, from, to) < 0)
            return -ENOMEM;
    }
    return 0;
}

/*
 * Threads without a row: what the graves hold beyond the rows of the dead. Their circumstances are not known; the
 * root's serve.
 */
static void add_rowless(const struct collector *c, struct measurement *m)
{
    const struct run_process *root = run_state_find_process(&c->state, c->root);
    struct wait_context context = assemble_context(root, false);
    struct grave rest = c->final.grave;

    for (size_t i = 0; i < c->state.n_threads; i++) {
        const struct run_thread *thread = &c->state.threads[i];

        if (!thread->closed || thread->alive)
            continue;
        rest.threads--;
        rest.on_cpu_ns -= thread->account.on_cpu_ns;
        rest.runnable_ns -= thread->account.runnable_ns;
        rest.voluntary -= thread->account.voluntary;
        rest.involuntary -= thread->account.involuntary;
        for (int kind = 0; kind < WAIT_KIND_COUNT; kind++) {
            rest.blocked_ns[kind] -= thread->account.blocked_ns[kind];
            rest.blocked_count[kind] -= thread->account.blocked_count[kind];
        }
    }
    if (!rest.threads)
        return;
    m->loss.threads_omitted = rest.threads;
    m->on_cpu_ns += rest.on_cpu_ns;
    m->runnable_ns += rest.runnable_ns;
    m->voluntary_switches += rest.voluntary;
    m->involuntary_switches += rest.involuntary;
    m->thread_time_ns += rest.on_cpu_ns + rest.runnable_ns;
    for (int kind = 0; kind < WAIT_KIND_COUNT; kind++)
        m->thread_time_ns += rest.blocked_ns[kind];
    spread(rest.blocked_ns, rest.blocked_count, &context, m->blocked_ns, m->blocked_count, &m->unattributed_ns);
}

static void fill_wall(const struct collector *c, struct measurement *m)
{
    uint64_t end = 0;

    for (size_t i = 0; i < m->n_threads; i++)
        if (m->threads[i].death_ns > end)
            end = m->threads[i].death_ns;
    m->wall_ns = end ? end : since(c, c->final.end_ns);
}

static int fill_parallelism(const struct collector *c, struct measurement *m)
{
    uint64_t busy = 0;

    m->n_parallelism = (size_t)m->machine.cpus + 1;
    m->parallelism_ns = calloc(m->n_parallelism, sizeof(*m->parallelism_ns));
    if (!m->parallelism_ns)
        return -ENOMEM;
    for (size_t k = 1; k < PARALLELISM_MAX; k++) {
        size_t bin = k < m->n_parallelism ? k : m->n_parallelism - 1;

        m->parallelism_ns[bin] += c->parallelism_ns[k];
        busy += c->parallelism_ns[k];
    }
    /* Clocks of two CPUs may differ by nanoseconds: what is left is the time with nobody on a CPU. */
    m->parallelism_ns[0] = m->wall_ns > busy ? m->wall_ns - busy : 0;
    if (busy > m->wall_ns)
        m->parallelism_ns[1] -= min_u64(busy - m->wall_ns, m->parallelism_ns[1]);
    return 0;
}

static void fill_loss(const struct collector *c, struct measurement *m)
{
    m->loss.slices_dropped = c->final.records_lost + c->slices_refused;
    m->loss.threads_dropped = c->final.totals.no_slot;
    m->loss.futexes_unnamed = c->final.totals.futex_unnamed;
    m->loss.stacks_lost = c->final.stacks_lost;
    m->loss.decimation = c->state.decimation;
    m->loss.repaired = c->final.grave.repaired;
    m->loss.repaired_ns = c->final.grave.repaired_ns;
    for (size_t i = 0; i < c->state.n_threads; i++) {
        if (!c->state.threads[i].alive)
            continue;
        m->loss.repaired += c->state.threads[i].account.repaired;
        m->loss.repaired_ns += c->state.threads[i].account.repaired_ns;
    }
}

int assemble(struct collector *c, struct measurement *m)
{
    int r;

    if (!c->finished)
        return -EPROTO;
    habits_settle(c);
    name_futexes(c);
    r = assemble_pools(c);
    if (r == 0)
        r = fill_threads(c, m);
    if (r == 0)
        r = fill_processes(c, m);
    if (r < 0)
        return r;
    measurement_sum_threads(m);
    add_rowless(c, m);
    m->threads_total = c->final.totals.threads;
    m->processes_total = c->final.totals.processes;
    m->max_live_threads = c->final.totals.max_live;
    m->max_live_processes = c->final.totals.max_live_processes;
    fill_wall(c, m);
    fill_loss(c, m);
    r = fill_parallelism(c, m);
    if (r == 0)
        r = assemble_external_union(c, m);
    if (r == 0)
        r = assemble_loops(c, m);
    if (r == 0)
        r = assemble_locks(c, m);
    if (r == 0)
        r = assemble_all_stacks(c, m);
    if (r == 0)
        r = assemble_runtime_notes(m);
    return r;
}
