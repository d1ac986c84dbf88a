/* SPDX-License-Identifier: BSD-2-Clause */
#include <inttypes.h>
#include <stdarg.h>

#include "base/base.h"
#include "probe/measurement.h"
#include "report/export/export.h"
#include "report/json_out.h"
#include "report/wording.h"

/*
 * A slice of the measurement is CPU time, then a wait, then the time until it runs again (preemptions within the CPU
 * time are in that as well: where they were is not recorded).
 */

/* Where the CPU part of each slice of a thread begins. */
struct track {
    const struct thread *thread;
    uint64_t *start_ns; /* [n_slices] */
    uint64_t *cpu_ns;   /* [n_slices]: CPU time of the thread before it */
};

struct trace {
    FILE *out;
    const struct measurement *m;
    struct track *tracks;        /* one for each thread */
    const struct track **by_tid; /* sorted by tid, then birth */
    size_t events;
    uint64_t flows;
    int error;
};

static void free_tracks(struct trace *trace)
{
    for (size_t i = 0; trace->tracks && i < trace->m->n_threads; i++) {
        free(trace->tracks[i].start_ns);
        free(trace->tracks[i].cpu_ns);
    }
    free(trace->tracks);
    free(trace->by_tid);
}

static int lay_out(struct track *track, const struct thread *thread)
{
    uint64_t at = thread->birth_ns, cpu = 0;

    track->thread = thread;
    track->start_ns = calloc(thread->n_slices + 1, sizeof(*track->start_ns));
    track->cpu_ns = calloc(thread->n_slices + 1, sizeof(*track->cpu_ns));
    if (!track->start_ns || !track->cpu_ns)
        return -ENOMEM;
    for (size_t i = 0; i < thread->n_slices; i++) {
        const struct slice *slice = &thread->slices[i];

        track->start_ns[i] = at;
        track->cpu_ns[i] = cpu;
        at += slice->on_cpu_ns + slice->blocked_ns + slice->runnable_ns;
        cpu += slice->on_cpu_ns;
    }
    return 0;
}

/* What one event holds beyond phase, process, thread and time: printed as it is. */
static PRINTF_LIKE(6, 7) void event(struct trace *trace, const char *phase, int32_t pid, int32_t tid, uint64_t at_ns,
                                    const char *rest, ...)
{
    va_list args;

    (void)fprintf(trace->out, "%s\n{\"ph\":\"%s\",\"pid\":%d,\"tid\":%d,\"ts\":%" PRIu64 ".%03u,",
                  trace->events++ ? "," : "", phase, (int)pid, (int)tid, at_ns / NSEC_PER_USEC,
                  (unsigned)(at_ns % NSEC_PER_USEC));
    va_start(args, rest);
    (void)vfprintf(trace->out, rest, args);
    va_end(args);
    (void)fputs("}", trace->out);
}

/* `raw` as a JSON string with its quotes. @return heap string; NULL: out of memory (remembered) */
static char *quoted(struct trace *trace, const char *raw, size_t size)
{
    json_t *value = out_field(raw, size);
    char *text = value ? json_dumps(value, JSON_ENCODE_ANY | JSON_ENSURE_ASCII) : NULL;

    json_decref(value);
    if (!text)
        trace->error = -ENOMEM;
    return text;
}

static void name_it(struct trace *trace, const char *what, int32_t pid, int32_t tid, const char *name, size_t size)
{
    AUTO_FREE char *text = quoted(trace, name, size);

    if (text)
        event(trace, "M", pid, tid, 0, "\"name\":\"%s\",\"args\":{\"name\":%s}", what, text);
}

static void state(struct trace *trace, const struct thread *thread, uint64_t at_ns, uint64_t length_ns,
                  const char *name, const char *category)
{
    if (length_ns > 0)
        event(trace, "X", thread->pid, thread->tid, at_ns, "\"dur\":%" PRIu64 ".%03u,\"name\":\"%s\",\"cat\":\"%s\"",
              length_ns / NSEC_PER_USEC, (unsigned)(length_ns % NSEC_PER_USEC), name, category);
}

static int compare_tracks(const void *a, const void *b)
{
    const struct thread *left = (*(const struct track *const *)a)->thread;
    const struct thread *right = (*(const struct track *const *)b)->thread;

    if (left->tid != right->tid)
        return left->tid < right->tid ? -1 : 1;
    return left->birth_ns < right->birth_ns ? -1 : left->birth_ns > right->birth_ns;
}

static int sort_tracks(struct trace *trace)
{
    trace->by_tid = calloc(trace->m->n_threads + 1, sizeof(*trace->by_tid));
    if (!trace->by_tid)
        return -ENOMEM;
    for (size_t i = 0; i < trace->m->n_threads; i++)
        trace->by_tid[i] = &trace->tracks[i];
    qsort(trace->by_tid, trace->m->n_threads, sizeof(*trace->by_tid), compare_tracks);
    return 0;
}

/* Numbers are reused: the newest thread with that one which was there at that time. */
static const struct track *find_track(const struct trace *trace, int32_t tid, uint64_t at_ns)
{
    size_t low = 0, high = trace->m->n_threads;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct thread *thread = trace->by_tid[middle]->thread;

        if (thread->tid < tid || (thread->tid == tid && thread->birth_ns <= at_ns))
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 && trace->by_tid[low - 1]->thread->tid == tid ? trace->by_tid[low - 1] : NULL;
}

/* When the waker had used up that much CPU time: inside the CPU part of one of its slices. @return 0: not recorded */
static uint64_t time_of_waking(const struct track *track, uint64_t cpu_ns)
{
    size_t low = 0, high = track->thread->n_slices;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (track->cpu_ns[middle] < cpu_ns)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return 0;
    if (cpu_ns - track->cpu_ns[low - 1] > track->thread->slices[low - 1].on_cpu_ns)
        return 0;
    return track->start_ns[low - 1] + (cpu_ns - track->cpu_ns[low - 1]);
}

/* An arrow from the waker's CPU slice to the first moment after the wait. */
static void arrow(struct trace *trace, const struct thread *thread, const struct slice *slice, uint64_t woken_ns)
{
    const struct track *waker = slice->waker_tid ? find_track(trace, slice->waker_tid, woken_ns) : NULL;
    uint64_t at_ns = waker ? time_of_waking(waker, slice->waker_on_cpu_ns) : 0;
    uint64_t id;

    if (at_ns == 0 || at_ns > woken_ns)
        return;
    id = ++trace->flows;
    event(trace, "s", waker->thread->pid, waker->thread->tid, at_ns,
          "\"name\":\"wakes\",\"cat\":\"waker\",\"id\":%" PRIu64, id);
    event(trace, "f", thread->pid, thread->tid, woken_ns,
          "\"name\":\"wakes\",\"cat\":\"waker\",\"bp\":\"e\",\"id\":%" PRIu64, id);
}

static void write_thread(struct trace *trace, const struct track *track)
{
    const struct thread *thread = track->thread;
    enum runtime_kind runtime = trace->m->target.runtime.kind;

    name_it(trace, "thread_name", thread->pid, thread->tid, thread->name, sizeof(thread->name));
    for (size_t i = 0; i < thread->n_slices; i++) {
        const struct slice *slice = &thread->slices[i];
        uint64_t wait_ns = track->start_ns[i] + slice->on_cpu_ns, woken_ns = wait_ns + slice->blocked_ns;

        state(trace, thread, track->start_ns[i], slice->on_cpu_ns, "on-CPU", "on_cpu");
        state(trace, thread, wait_ns, slice->blocked_ns, wording_cause(slice->cause, runtime),
              cause_to_str(slice->cause));
        state(trace, thread, woken_ns, slice->runnable_ns, "run queue", "runnable");
        if (slice->runnable_ns > 0 || i + 1 < thread->n_slices)
            arrow(trace, thread, slice, woken_ns);
    }
}

static void write_events(struct trace *trace)
{
    const struct measurement *m = trace->m;

    for (size_t i = 0; i < m->n_processes; i++)
        name_it(trace, "process_name", m->processes[i].pid, m->processes[i].pid, m->processes[i].name,
                sizeof(m->processes[i].name));
    for (size_t i = 0; i < m->n_threads; i++)
        write_thread(trace, &trace->tracks[i]);
}

int export_perfetto(FILE *out, const struct measurement *m, const struct advice *a)
{
    CLEANUP(free_tracks) struct trace trace = {.out = out, .m = m};
    int r = 0;

    (void)a;
    trace.tracks = calloc(m->n_threads + 1, sizeof(*trace.tracks));
    if (!trace.tracks)
        return -ENOMEM;
    for (size_t i = 0; r == 0 && i < m->n_threads; i++)
        r = lay_out(&trace.tracks[i], &m->threads[i]);
    if (r == 0)
        r = sort_tracks(&trace);
    if (r < 0)
        return r;
    (void)fprintf(out,
                  "{\"displayTimeUnit\":\"ms\",\"otherData\":{\"tool\":\"concadvise %s\",\"slices_per_slice_kept\":%u,"
                  "\"slices_dropped\":%" PRIu64 ",\"threads_without_row\":%" PRIu64 "},\"traceEvents\":[",
                  m->tool_version, m->loss.decimation, m->loss.slices_dropped, m->loss.threads_omitted);
    write_events(&trace);
    (void)fputs("\n]}\n", out);
    return trace.error;
}
