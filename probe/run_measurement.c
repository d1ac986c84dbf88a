/* SPDX-License-Identifier: BSD-2-Clause */
#include <sys/wait.h>

#include "base/base.h"
#include "probe/assemble/assemble.h"
#include "probe/probe.h"
#include "probe/run_parts.h"
#include "probe/runtime/detect.h"
#include "probe/sites/stacks.h"

static int copy_argv(struct measurement *m, char *const *argv)
{
    size_t n = 0;

    while (argv[n])
        n++;
    m->target.argv = calloc(n + 1, sizeof(*m->target.argv));
    if (!m->target.argv)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        m->target.argv[i] = strdup(argv[i]);
        if (!m->target.argv[i])
            return -ENOMEM;
        m->target.n_argv++;
    }
    return 0;
}

/* The runtime of the process that used the most CPU, among those that were recognised. */
static void find_runtime(const struct run *run, struct measurement *m)
{
    const struct run_state *state = &run->collector.state;
    const struct run_process *best = NULL;

    for (size_t i = 0; i < state->n_processes; i++) {
        const struct run_process *process = &state->processes[i];

        if (process->image && (!best || process->cpu_ns > best->cpu_ns))
            best = process;
    }
    if (best)
        m->target.runtime = best->image->runtime;
}

/* Another user's threads, or a security module that shows them to their ancestors alone. */
static int note_opaque(const struct run *run, struct measurement *m)
{
    char text[320];

    if (!run->collector.final.opaque)
        return 0;
    (void)snprintf(text, sizeof(text),
                   "The system calls of %llu of %llu threads are not shown to us (another user's program, or "
                   "kernel.yama.ptrace_scope): what they waited for is told by the kernel's functions alone, and they "
                   "have no lines of code.",
                   (unsigned long long)run->collector.final.opaque,
                   (unsigned long long)run->collector.final.totals.threads);
    return measurement_note(m, text);
}

/* How closely was looked: what lies between two rounds was not seen. */
static int note_sampling(const struct run *run, struct measurement *m)
{
    const struct wire_final *final = &run->collector.final;
    char text[256];

    if (!run->sampler || !final->rounds)
        return 0;
    (void)snprintf(text, sizeof(text),
                   "Sampling took %.1f ms of CPU time in %llu rounds of looks at /proc, one every %.1f ms on average.",
                   (double) final->cpu_ns / (double)NSEC_PER_MSEC, (unsigned long long) final->rounds,
                   (double)m->wall_ns / (double)NSEC_PER_MSEC / (double) final->rounds);
    return measurement_note(m, text);
}

static int note_circumstances(const struct run *run, struct measurement *m)
{
    int r = note_sampling(run, m);

    if (r == 0)
        r = note_opaque(run, m);
    if (r == 0 && run->options->light && !run->sampler)
        r = measurement_note(m,
                             "Measured with --light: totals alone. No lines of code, no order of events, and not who "
                             "ended a wait: pipes and sockets between processes of the program count as outside.");
    if (r == 0 && !run->sampler && run->sampling == SAMPLING_NONE)
        r = measurement_note(m,
                             "No on-CPU samples: the kernel refused performance events (perf_event_paranoid), so the "
                             "share of CPU time under the interpreter lock is not known.");
    if (run->sampling == SAMPLING_TICKS)
        r = measurement_note(m,
                             "On-CPU samples are of user code only, taken at the scheduler's ticks: the kernel refused "
                             "performance events (perf_event_paranoid).");
    if (r == 0 && run->collector.final.totals.stacks_denied)
        r = measurement_note(
            m, "Programs that gained rights by setuid, setgid or file capabilities, or are not to be "
               "dumped, were measured without looking at their stacks: those are for root to see (sudo).");
    if (r == 0 && stack_table_was_refused(run->collector.stacks))
        r = measurement_note(m,
                             "Some Python functions have no names: the kernel refused to let the program's memory be "
                             "read (kernel.yama.ptrace_scope above 1, or a filter of system calls).");
    if (r == 0 && run->outlived)
        r = measurement_note(m, "Descendants outlived the program; they were measured for 2 s after its end.");
    if (r == 0 && run->timed_out && !run->attached)
        r = measurement_note(m, "The measurement was ended by -d while the program was still running.");
    return r;
}

int run_measurement(struct run *run, const char *command, uint64_t own_cpu_ns, struct measurement **ret_m)
{
    CLEANUP(measurement_freep) struct measurement *m = measurement_new();
    int r;

    if (!m)
        return -ENOMEM;
    (void)snprintf(m->tool_version, sizeof(m->tool_version), "%s", CONCADVISE_VERSION);
    (void)snprintf(m->probe, sizeof(m->probe), run->sampler ? "procfs" : "bpf");
    m->machine = run->machine;
    r = copy_argv(m, run->options->argv);
    if (r < 0)
        return r;
    m->target.exe = strdup(command);
    m->target.pid = run->launch.pid;
    m->target.exited = run->exited;
    m->target.attached = run->attached;
    m->target.ran_before_ns = run->age_ns;
    if (run->exited && !run->attached && WIFSIGNALED(run->status))
        m->target.signal = WTERMSIG(run->status);
    else if (run->exited && !run->attached)
        m->target.exit_status = WEXITSTATUS(run->status);
    find_runtime(run, m);
    r = assemble(&run->collector, m);
    if (r == 0)
        r = note_circumstances(run, m);
    if (r < 0)
        return r;
    m->overhead_ns =
        own_cpu_ns + (run->sampler ? 0 : run->collector.final.cpu_ns); /* the sampler is a thread of ours */
    *ret_m = TAKE_PTR(m);
    return 0;
}
