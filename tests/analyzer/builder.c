/* SPDX-License-Identifier: BSD-2-Clause */
#include "builder.h"

#define MAX_LANES 4096

static void *must(void *ptr)
{
    if (!ptr)
        abort();
    return ptr;
}

static void check(bool ok, const char *what)
{
    if (ok)
        return;
    (void)fprintf(stderr, "builder: %s\n", what);
    abort();
}

struct measurement *build_new(enum runtime_kind kind, uint32_t cpus)
{
    struct measurement *m = must(measurement_new());

    m->machine.cpus = m->machine.cpus_allowed = cpus;
    m->machine.memory_bytes = UINT64_C(8) << 30;
    (void)strcpy(m->probe, "bpf");
    m->target.runtime.kind = kind;
    m->target.runtime.interpreter_lock = kind == RUNTIME_CPYTHON || kind == RUNTIME_PYPY || kind == RUNTIME_RUBY
                                             ? INTERPRETER_LOCK_PRESENT
                                             : INTERPRETER_LOCK_NONE;
    m->target.exited = true;
    m->threads = must(calloc(MAX_LANES, sizeof(*m->threads)));
    m->processes = must(calloc(MAX_LANES, sizeof(*m->processes)));
    m->loops = must(calloc(64, sizeof(*m->loops)));
    m->sites = must(calloc(64, sizeof(*m->sites)));
    m->modules = must(calloc(16, sizeof(*m->modules)));
    m->replays = must(calloc(16, sizeof(*m->replays)));
    return m;
}

size_t build_lane(struct measurement *m, int32_t pid, int32_t tid, uint64_t birth_ns)
{
    struct thread *t = &m->threads[m->n_threads];
    struct process *p = NULL;

    check(m->n_threads < MAX_LANES, "too many lanes");
    for (size_t i = 0; i < m->n_processes; i++)
        if (m->processes[i].pid == pid)
            p = &m->processes[i];
    if (!p) {
        p = &m->processes[m->n_processes++];
        p->pid = pid;
        p->parent_pid = m->n_processes > 1 ? m->processes[0].pid : 0;
        p->birth_ns = birth_ns;
        p->runtime = m->target.runtime.kind;
    }
    p->threads++;
    t->pid = pid;
    t->tid = tid;
    t->parent_tid = m->n_threads > 0 ? m->threads[0].tid : 0;
    t->birth_ns = t->death_ns = birth_ns;
    return m->n_threads++;
}

static void step(struct thread *t, uint64_t cpu_ns, uint64_t runnable_ns, enum cause cause, uint64_t wait_ns,
                 uint64_t address, int32_t waker_tid)
{
    /* Doubling, at 64, 128, 256...: some cases have tens of thousands, and a sanitizer's realloc always copies. */
    if (t->n_slices == 0 || (t->n_slices >= 64 && (t->n_slices & (t->n_slices - 1)) == 0))
        t->slices = must(realloc(t->slices, (t->n_slices < 64 ? 64 : 2 * t->n_slices) * sizeof(*t->slices)));
    t->slices[t->n_slices++] = (struct slice){.on_cpu_ns = cpu_ns,
                                              .runnable_ns = runnable_ns,
                                              .blocked_ns = wait_ns,
                                              .cause = wait_ns > 0 ? cause : CAUSE_OTHER,
                                              .waker_tid = waker_tid,
                                              .address = address};
    t->on_cpu_ns += cpu_ns;
    t->runnable_ns += runnable_ns;
    t->blocked_ns[cause] += wait_ns;
    t->blocked_count[cause] += wait_ns > 0;
    t->voluntary_switches += wait_ns > 0;
    t->death_ns += cpu_ns + runnable_ns + wait_ns;
}

void build_repeat(struct measurement *m, size_t lane, size_t n, uint64_t cpu_ns, uint64_t runnable_ns, enum cause cause,
                  uint64_t wait_ns)
{
    for (size_t i = 0; i < n; i++)
        step(&m->threads[lane], cpu_ns, runnable_ns, cause, wait_ns, 0, 0);
}

void build_handoff(struct measurement *m, size_t lane, size_t n, uint64_t cpu_ns, enum cause cause, uint64_t wait_ns,
                   uint64_t address, int32_t waker_tid)
{
    for (size_t i = 0; i < n; i++)
        step(&m->threads[lane], cpu_ns, 0, cause, wait_ns, address, waker_tid);
}

void build_wait(struct measurement *m, size_t lane, enum cause cause, uint64_t wait_ns)
{
    step(&m->threads[lane], 0, 0, cause, wait_ns, 0, 0);
}

struct event_loop *build_loop(struct measurement *m, size_t lane, const char *kind)
{
    struct event_loop *loop = &m->loops[m->n_loops++];

    check(m->n_loops <= 64 && strlen(kind) < sizeof(loop->kind), "loops");
    (void)strcpy(loop->kind, kind);
    loop->tid = m->threads[lane].tid;
    loop->pid = m->threads[lane].pid;
    return loop;
}

void build_site(struct measurement *m, bool on_cpu, enum cause cause, uint64_t time_ns, bool in_loop,
                const char *function, const char *file, uint32_t line, const char *module)
{
    struct site *site = &m->sites[m->n_sites++];

    check(m->n_sites <= 64, "sites");
    *site = (struct site){.on_cpu = on_cpu, .cause = cause, .time_ns = time_ns, .count = 1, .in_event_loop = in_loop};
    site->frames = must(calloc(1, sizeof(*site->frames)));
    site->n_frames = 1;
    site->frames[0].function = must(strdup(function));
    site->frames[0].file = file ? must(strdup(file)) : NULL;
    site->frames[0].line = line;
    site->frames[0].module = module ? must(strdup(module)) : NULL;
}

void build_module(struct measurement *m, const char *name)
{
    check(m->n_modules < 16, "modules");
    m->modules[m->n_modules++] = must(strdup(name));
}

void build_replay(struct measurement *m, enum model model, uint32_t workers, size_t n, uint64_t median_ns, bool current)
{
    struct replay_result *replay = &m->replays[m->n_replays++];

    check(m->n_replays <= 16, "replays");
    *replay = (struct replay_result){.model = model, .workers = workers, .share = 1.0, .current = current};
    replay->runs_ns = must(calloc(n, sizeof(*replay->runs_ns)));
    replay->n_runs = n;
    for (size_t i = 0; i < n; i++)
        replay->runs_ns[i] = median_ns + median_ns / 100 * i / n - median_ns / 200;
    replay->cpu_ns = median_ns;
}

void build_lock_held(struct measurement *m, double share)
{
    for (size_t i = 0; i < m->n_threads; i++) {
        m->threads[i].cpu_samples = m->threads[i].on_cpu_ns / MS;
        m->threads[i].lock_held_samples = (uint64_t)(share * (double)m->threads[i].cpu_samples);
    }
}

static void finish_processes(struct measurement *m)
{
    m->processes_total = m->n_processes;
    for (size_t i = 0; i < m->n_processes; i++) {
        struct process *p = &m->processes[i];

        for (size_t k = 0; k < m->n_threads; k++)
            if (m->threads[k].pid == p->pid && m->threads[k].death_ns > p->death_ns)
                p->death_ns = m->threads[k].death_ns;
        if (p->death_ns < p->birth_ns)
            p->death_ns = p->birth_ns;
    }
}

/* Never more CPUs at once than the CPU time needs: the shares are right, the histogram is as flat as it can be. */
static void finish_parallelism(struct measurement *m)
{
    uint64_t full, rest;
    size_t k;

    m->n_parallelism = m->machine.cpus + 1;
    m->parallelism_ns = must(calloc(m->n_parallelism, sizeof(*m->parallelism_ns)));
    k = (size_t)(m->on_cpu_ns / (m->wall_ns ? m->wall_ns : 1));
    if (k >= m->machine.cpus) {
        m->parallelism_ns[m->machine.cpus] = m->wall_ns;
        return;
    }
    full = m->on_cpu_ns - k * m->wall_ns;
    rest = m->wall_ns - full;
    m->parallelism_ns[k + 1] = full;
    m->parallelism_ns[k] = rest;
}

void build_finish(struct measurement *m, double concurrency)
{
    const char *problem = "?";
    uint64_t external = 0;

    for (size_t i = 0; i < m->n_threads; i++)
        if (m->threads[i].death_ns > m->wall_ns)
            m->wall_ns = m->threads[i].death_ns;
    if (m->threads[0].death_ns < m->wall_ns)
        build_wait(m, 0, CAUSE_JOIN, m->wall_ns - m->threads[0].death_ns);
    finish_processes(m);
    measurement_sum_threads(m);
    m->threads_total = m->max_live_threads = m->n_threads;
    external = m->blocked_ns[CAUSE_NETWORK] + m->blocked_ns[CAUSE_DISK] + m->blocked_ns[CAUSE_PIPE] +
               m->blocked_ns[CAUSE_SLEEP];
    m->external_wait_union_ns = (uint64_t)((double)external / (concurrency > 0.0 ? concurrency : 1.0));
    finish_parallelism(m);
    check(measurement_check(m, &problem) == 0, problem);
}

struct advice *build_advice(const struct measurement *m)
{
    struct advice *a = NULL;

    check(analyze(m, NULL, &a) == 0, "analyze() failed");
    return a;
}

const struct finding *build_finding(const struct advice *a, int id)
{
    for (size_t i = 0; i < a->n_findings; i++)
        if (a->findings[i].id == id)
            return &a->findings[i];
    return NULL;
}
