/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/measurement.h"

#include <math.h>

#include "base/base.h"

static int find_id(const char *const *ids, size_t n, const char *id)
{
    for (size_t i = 0; id && i < n; i++)
        if (strcmp(ids[i], id) == 0)
            return (int)i;
    return -EINVAL;
}

static const char *const cause_ids[CAUSE_COUNT] = {
#define X(symbol, id) [symbol] = id,
    CAUSE_LIST(X)
#undef X
};

static const char *const model_ids[MODEL_COUNT] = {
#define X(symbol, id) [symbol] = id,
    MODEL_LIST(X)
#undef X
};

static const char *const runtime_ids[RUNTIME_COUNT] = {
#define X(symbol, id, name) [symbol] = id,
    RUNTIME_LIST(X)
#undef X
};

static const char *const runtime_names[RUNTIME_COUNT] = {
#define X(symbol, id, name) [symbol] = name,
    RUNTIME_LIST(X)
#undef X
};

const char *cause_to_str(enum cause cause)
{
    return (unsigned)cause < CAUSE_COUNT ? cause_ids[cause] : "?";
}

int cause_from_str(const char *id, enum cause *ret)
{
    int index = find_id(cause_ids, CAUSE_COUNT, id);

    if (index < 0)
        return index;
    *ret = (enum cause)index;
    return 0;
}

const char *model_to_str(enum model model)
{
    if (model == MODEL_NONE)
        return "none";
    return (unsigned)model < MODEL_COUNT ? model_ids[model] : "?";
}

int model_from_str(const char *id, enum model *ret)
{
    int index;

    if (id && strcmp(id, "none") == 0) {
        *ret = MODEL_NONE;
        return 0;
    }
    index = find_id(model_ids, MODEL_COUNT, id);
    if (index < 0)
        return index;
    *ret = (enum model)index;
    return 0;
}

const char *runtime_to_str(enum runtime_kind kind)
{
    return (unsigned)kind < RUNTIME_COUNT ? runtime_ids[kind] : "?";
}

const char *runtime_name(enum runtime_kind kind)
{
    return (unsigned)kind < RUNTIME_COUNT ? runtime_names[kind] : "?";
}

int runtime_from_str(const char *id, enum runtime_kind *ret)
{
    int index = find_id(runtime_ids, RUNTIME_COUNT, id);

    if (index < 0)
        return index;
    *ret = (enum runtime_kind)index;
    return 0;
}

struct measurement *measurement_new(void)
{
    struct measurement *m = calloc(1, sizeof(*m));

    if (m)
        m->loss.decimation = 1;
    return m;
}

static void free_strings(char **strings, size_t n)
{
    for (size_t i = 0; strings && i < n; i++)
        free(strings[i]);
    free(strings);
}

void frames_free(struct frame *frames, size_t n)
{
    for (size_t i = 0; frames && i < n; i++) {
        free(frames[i].function);
        free(frames[i].file);
        free(frames[i].module);
    }
    free(frames);
}

void site_clear(struct site *site)
{
    frames_free(site->frames, site->n_frames);
    site->frames = NULL;
    site->n_frames = 0;
}

static void free_sites(struct site *sites, size_t n)
{
    for (size_t i = 0; sites && i < n; i++)
        site_clear(&sites[i]);
    free(sites);
}

static void free_wakers(struct measurement *m)
{
    for (size_t i = 0; m->wakers && i < m->n_wakers; i++) {
        frames_free(m->wakers[i].waiter_frames, m->wakers[i].n_waiter_frames);
        frames_free(m->wakers[i].waker_frames, m->wakers[i].n_waker_frames);
    }
    free(m->wakers);
}

void measurement_free(struct measurement *m)
{
    if (!m)
        return;
    free_strings(m->target.argv, m->target.n_argv);
    free(m->target.exe);
    free(m->parallelism_ns);
    for (size_t i = 0; m->threads && i < m->n_threads; i++)
        free(m->threads[i].slices);
    free(m->threads);
    for (size_t i = 0; m->processes && i < m->n_processes; i++)
        free(m->processes[i].memory);
    free(m->processes);
    free(m->loops);
    free(m->locks);
    free_sites(m->sites, m->n_sites);
    free_sites(m->holders, m->n_holders);
    free_wakers(m);
    for (size_t i = 0; m->peers && i < m->n_peers; i++)
        frames_free(m->peers[i].frames, m->peers[i].n_frames);
    free(m->peers);
    free_strings(m->modules, m->n_modules);
    free_strings(m->notes, m->n_notes);
    for (size_t i = 0; m->replays && i < m->n_replays; i++)
        free(m->replays[i].runs_ns);
    free(m->replays);
    free(m);
}

void measurement_freep(struct measurement **m)
{
    measurement_free(*m);
}

void measurement_sum_threads(struct measurement *m)
{
    m->thread_time_ns = m->on_cpu_ns = m->user_ns = m->system_ns = m->runnable_ns = m->unattributed_ns = 0;
    m->voluntary_switches = m->involuntary_switches = m->cpu_samples = m->lock_held_samples = 0;
    memset(m->blocked_ns, 0, sizeof(m->blocked_ns));
    memset(m->blocked_count, 0, sizeof(m->blocked_count));
    for (size_t i = 0; i < m->n_threads; i++) {
        const struct thread *t = &m->threads[i];

        m->thread_time_ns += t->death_ns - t->birth_ns;
        m->on_cpu_ns += t->on_cpu_ns;
        m->user_ns += t->user_ns;
        m->system_ns += t->system_ns;
        m->runnable_ns += t->runnable_ns;
        m->unattributed_ns += t->unattributed_ns;
        m->voluntary_switches += t->voluntary_switches;
        m->involuntary_switches += t->involuntary_switches;
        m->cpu_samples += t->cpu_samples;
        m->lock_held_samples += t->lock_held_samples;
        for (size_t cause = 0; cause < CAUSE_COUNT; cause++) {
            m->blocked_ns[cause] += t->blocked_ns[cause];
            m->blocked_count[cause] += t->blocked_count[cause];
        }
    }
}

const struct thread *measurement_find_thread(const struct measurement *m, int32_t tid)
{
    for (size_t i = 0; i < m->n_threads; i++)
        if (m->threads[i].tid == tid)
            return &m->threads[i];
    return NULL;
}

uint32_t measurement_cpus(const struct measurement *m)
{
    uint32_t cpus = m->machine.cpus_allowed;

    /* A measurement made elsewhere, or by hand, may know only the machine. */
    if (cpus == 0)
        cpus = m->machine.cpus;
    if (m->machine.cpu_quota > 0.0 && m->machine.cpu_quota < (double)cpus)
        cpus = (uint32_t)ceil(m->machine.cpu_quota);
    return cpus ? cpus : 1;
}

int measurement_note(struct measurement *m, const char *text)
{
    AUTO_FREE char *copy = NULL;
    char **grown;

    for (size_t i = 0; i < m->n_notes; i++)
        if (strcmp(m->notes[i], text) == 0)
            return 0;
    copy = strdup(text);
    if (!copy)
        return -ENOMEM;
    grown = realloc(m->notes, (m->n_notes + 1) * sizeof(*grown));
    if (!grown)
        return -ENOMEM;
    m->notes = grown;
    m->notes[m->n_notes++] = TAKE_PTR(copy);
    return 0;
}

/* Add up without wrapping: an untrusted file may hold any number. */
static bool add(uint64_t *sum, uint64_t value)
{
    return !__builtin_add_overflow(*sum, value, sum);
}

/* on_cpu + runnable + sum(blocked) + unattributed == total? */
static bool conserved(uint64_t on_cpu, uint64_t runnable, const uint64_t *blocked, uint64_t unattributed,
                      uint64_t total)
{
    uint64_t sum = on_cpu;

    if (!add(&sum, runnable) || !add(&sum, unattributed))
        return false;
    for (size_t cause = 0; cause < CAUSE_COUNT; cause++)
        if (!add(&sum, blocked[cause]))
            return false;
    return sum == total;
}

static bool terminated(const char *text, size_t size)
{
    return memchr(text, '\0', size) != NULL;
}

static bool strings_ok(char *const *strings, size_t n)
{
    if (n && !strings)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!strings[i])
            return false;
    return true;
}

static const char *check_machine_and_target(const struct measurement *m)
{
    const struct machine *machine = &m->machine;
    const struct target *target = &m->target;

    if (machine->cpus_allowed == 0)
        return "machine.cpus_allowed is 0";
    if (!isfinite(machine->cpu_quota) || machine->cpu_quota < 0.0)
        return "machine.cpu_quota is not a number of CPUs";
    if (!terminated(machine->kernel, sizeof(machine->kernel)) ||
        !terminated(machine->cpu_name, sizeof(machine->cpu_name)) ||
        !terminated(m->tool_version, sizeof(m->tool_version)) || !terminated(m->probe, sizeof(m->probe)))
        return "a text of the machine or the tool is not terminated";
    if (!strings_ok(target->argv, target->n_argv))
        return "target.argv has a missing string";
    if ((unsigned)target->runtime.kind >= RUNTIME_COUNT)
        return "target.runtime.kind is out of range";
    if ((unsigned)target->runtime.interpreter_lock > INTERPRETER_LOCK_UNKNOWN)
        return "target.runtime.interpreter_lock is out of range";
    if (!terminated(target->runtime.version, sizeof(target->runtime.version)) ||
        !terminated(target->runtime.executable, sizeof(target->runtime.executable)))
        return "a text of target.runtime is not terminated";
    return NULL;
}

static const char *check_slices(const struct thread *t)
{
    if (t->n_slices && !t->slices)
        return "a thread has n_slices but no slices";
    for (size_t i = 0; i < t->n_slices; i++) {
        if ((unsigned)t->slices[i].cause >= CAUSE_COUNT)
            return "the cause of a slice is out of range";
        if (t->slices[i].waker_tid < 0)
            return "the waker of a slice is negative";
    }
    return NULL;
}

static const char *check_threads(const struct measurement *m)
{
    const char *problem = NULL;

    if (m->n_threads && !m->threads)
        return "n_threads without threads";
    for (size_t i = 0; i < m->n_threads && !problem; i++) {
        const struct thread *t = &m->threads[i];

        if (!terminated(t->name, sizeof(t->name)))
            problem = "a thread's name is not terminated";
        else if (t->death_ns < t->birth_ns)
            problem = "a thread dies before it is born";
        else if (!conserved(t->on_cpu_ns, t->runnable_ns, t->blocked_ns, t->unattributed_ns, t->death_ns - t->birth_ns))
            problem = "a thread's on_cpu + runnable + blocked + unattributed is not its lifetime";
        else if (t->lock_held_samples > t->cpu_samples)
            problem = "a thread's lock_held_samples exceed its cpu_samples";
        else
            problem = check_slices(t);
    }
    return problem;
}

/* The rows add up to the totals, or to less where rows are missing. */
static const char *check_totals(const struct measurement *m)
{
    uint64_t rows_ns = 0;
    uint64_t parallelism_ns = 0;

    if (!conserved(m->on_cpu_ns, m->runnable_ns, m->blocked_ns, m->unattributed_ns, m->thread_time_ns))
        return "on_cpu + runnable + blocked + unattributed is not thread_time";
    for (size_t i = 0; i < m->n_threads; i++)
        if (!add(&rows_ns, m->threads[i].death_ns - m->threads[i].birth_ns))
            return "the threads' lifetimes overflow";
    if (m->loss.threads_omitted == 0 ? rows_ns != m->thread_time_ns : rows_ns > m->thread_time_ns)
        return "the threads' lifetimes do not add up to thread_time";
    if (m->lock_held_samples > m->cpu_samples)
        return "lock_held_samples exceed cpu_samples";
    if (m->n_parallelism && !m->parallelism_ns)
        return "n_parallelism without parallelism_ns";
    for (size_t i = 0; i < m->n_parallelism; i++)
        if (!add(&parallelism_ns, m->parallelism_ns[i]))
            return "parallelism_ns overflows";
    if (m->n_parallelism && parallelism_ns != m->wall_ns)
        return "parallelism_ns does not add up to wall_ns";
    if (m->loss.decimation == 0)
        return "loss.decimation is 0";
    return NULL;
}

static const char *check_processes_and_loops(const struct measurement *m)
{
    if (m->n_processes && !m->processes)
        return "n_processes without processes";
    for (size_t i = 0; i < m->n_processes; i++) {
        const struct process *p = &m->processes[i];

        if (!terminated(p->name, sizeof(p->name)))
            return "a process' name is not terminated";
        if (p->death_ns < p->birth_ns)
            return "a process dies before it is born";
        if ((unsigned)p->runtime >= RUNTIME_COUNT)
            return "the runtime of a process is out of range";
        if (p->threads == 0)
            return "a process without threads";
    }
    if (m->n_loops && !m->loops)
        return "n_loops without loops";
    for (size_t i = 0; i < m->n_loops; i++) {
        if (!terminated(m->loops[i].kind, sizeof(m->loops[i].kind)))
            return "the kind of an event loop is not terminated";
        if (!isfinite(m->loops[i].outstanding_mean) || m->loops[i].outstanding_mean < 0.0)
            return "outstanding_mean of an event loop is not a count";
    }
    return NULL;
}

static const char *check_sites(const struct measurement *m)
{
    if (m->n_locks && !m->locks)
        return "n_locks without locks";
    for (size_t i = 0; i < m->n_locks; i++)
        if ((unsigned)m->locks[i].cause >= CAUSE_COUNT)
            return "the cause of a lock is out of range";
    if (m->n_sites && !m->sites)
        return "n_sites without sites";
    for (size_t i = 0; i < m->n_sites; i++) {
        const struct site *site = &m->sites[i];

        if ((unsigned)site->cause >= CAUSE_COUNT)
            return "the cause of a site is out of range";
        if (site->n_frames && !site->frames)
            return "a site has n_frames but no frames";
        for (size_t f = 0; f < site->n_frames; f++)
            if (!site->frames[f].function)
                return "a frame has no function";
    }
    return NULL;
}

static const char *check_lists(const struct measurement *m)
{
    if (!strings_ok(m->modules, m->n_modules))
        return "modules has a missing string";
    if (!strings_ok(m->notes, m->n_notes))
        return "notes has a missing string";
    if (m->n_replays && !m->replays)
        return "n_replays without replays";
    for (size_t i = 0; i < m->n_replays; i++) {
        const struct replay_result *r = &m->replays[i];

        if ((unsigned)r->model >= MODEL_COUNT)
            return "the model of a replay is out of range";
        if (r->n_runs && !r->runs_ns)
            return "a replay has n_runs but no runs_ns";
        if (!(r->share > 0.0 && r->share <= 1.0))
            return "the share of a replay is not in (0, 1]";
    }
    return NULL;
}

int measurement_check(const struct measurement *m, const char **ret_problem)
{
    static const char *(*const checks[])(const struct measurement *) = {
        check_machine_and_target, check_threads, check_totals, check_processes_and_loops, check_sites, check_lists,
    };

    for (size_t i = 0; i < ARRAY_SIZE(checks); i++) {
        const char *problem = checks[i](m);

        if (!problem)
            continue;
        if (ret_problem)
            *ret_problem = problem;
        return -EBADMSG;
    }
    return 0;
}
