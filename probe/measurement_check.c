/* SPDX-License-Identifier: BSD-2-Clause */

/* The invariants of a measurement: what a file that anyone may have written must not contradict. */

#include <math.h>

#include "base/base.h"
#include "probe/measurement.h"

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
        if (!isfinite(m->loops[i].timers_mean) || m->loops[i].timers_mean < 0.0)
            return "timers_mean of an event loop is not a count";
        if (!isfinite(m->loops[i].sleepers_mean) || m->loops[i].sleepers_mean < 0.0)
            return "sleepers_mean of an event loop is not a count";
    }
    return NULL;
}

static const char *check_frames(const struct frame *frames, size_t n)
{
    if (n && !frames)
        return "a stack has a number of frames but no frames";
    for (size_t i = 0; i < n; i++)
        if (!frames[i].function)
            return "a frame has no function";
    return NULL;
}

static const char *check_site_list(const struct site *sites, size_t n)
{
    const char *problem = NULL;

    if (n && !sites)
        return "n_sites or n_holders without sites";
    for (size_t i = 0; i < n && !problem; i++) {
        if ((unsigned)sites[i].cause >= CAUSE_COUNT)
            return "the cause of a site is out of range";
        problem = check_frames(sites[i].frames, sites[i].n_frames);
    }
    return problem;
}

static const char *check_sites(const struct measurement *m)
{
    const char *problem;

    if (m->n_locks && !m->locks)
        return "n_locks without locks";
    for (size_t i = 0; i < m->n_locks; i++)
        if ((unsigned)m->locks[i].cause >= CAUSE_COUNT)
            return "the cause of a lock is out of range";
    problem = check_site_list(m->sites, m->n_sites);
    if (problem)
        return problem;
    for (size_t i = 0; m->holders && i < m->n_holders; i++)
        if (m->holders[i].on_cpu ||
            (m->holders[i].cause != CAUSE_INTERPRETER_LOCK && m->holders[i].cause != CAUSE_LOCK))
            return "a holder is of no lock";
    return check_site_list(m->holders, m->n_holders);
}

static const char *check_wakers(const struct measurement *m)
{
    const char *problem = NULL;

    if (m->n_wakers && !m->wakers)
        return "n_wakers without wakers";
    for (size_t i = 0; i < m->n_wakers && !problem; i++) {
        const struct waker *w = &m->wakers[i];

        if ((unsigned)w->cause >= CAUSE_COUNT)
            return "the cause of a waker is out of range";
        if (w->waiter_tid <= 0 || w->waker_tid <= 0)
            return "a waker without two threads";
        problem = check_frames(w->waiter_frames, w->n_waiter_frames);
        if (!problem)
            problem = check_frames(w->waker_frames, w->n_waker_frames);
    }
    return problem;
}

static const char *check_peers(const struct measurement *m)
{
    const char *problem = NULL;

    if (m->n_peers && !m->peers)
        return "n_peers without peers";
    for (size_t i = 0; i < m->n_peers && !problem; i++) {
        const struct peer *p = &m->peers[i];

        if (!terminated(p->address, sizeof(p->address)))
            return "the address of a peer is not terminated";
        if (p->established > p->connects)
            return "a peer answered more connections than were opened";
        if (p->last_ns < p->first_ns)
            return "the last connection to a peer is before the first";
        problem = check_frames(p->frames, p->n_frames);
    }
    return problem;
}

static const char *check_memory(const struct measurement *m)
{
    for (size_t i = 0; i < m->n_processes; i++) {
        const struct process *p = &m->processes[i];

        if (p->n_memory && !p->memory)
            return "a process has n_memory but no memory";
        for (size_t k = 1; k < p->n_memory; k++)
            if (p->memory[k].at_ns < p->memory[k - 1].at_ns)
                return "looks at the memory of a process are not in order of time";
    }
    return NULL;
}

static const char *check_lists(const struct measurement *m)
{
    if (!strings_ok(m->modules, m->n_modules))
        return "modules has a missing string";
    if (!strings_ok(m->notes, m->n_notes))
        return "notes has a missing string";
    if (m->n_repeats && !m->repeats)
        return "n_repeats without repeats";
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
        check_machine_and_target,
        check_threads,
        check_totals,
        check_processes_and_loops,
        check_memory,
        check_sites,
        check_wakers,
        check_peers,
        check_lists,
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
