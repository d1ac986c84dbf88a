/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/construct.h"

#include "analyzer/async_twins.h"
#include "analyzer/words.h"
#include "base/base.h"

/* %1$u: workers, %2$u: in flight. NULL: the model has no name of its own there. */
static const char *const constructs[RUNTIME_COUNT][MODEL_COUNT] = {
    [RUNTIME_NATIVE] =
        {
            [MODEL_THREADS] = "a pool of %1$u threads (pthread_create, std::thread)",
            [MODEL_COROUTINES] = "one event loop (epoll, libuv, io_uring) with up to %2$u waits outstanding",
            [MODEL_PROCESSES] = "%1$u worker processes that live on (fork once, feed through a pipe)",
            [MODEL_PROCESSES_COROUTINES] = "%1$u processes (fork, SO_REUSEPORT), an event loop in each",
        },
    [RUNTIME_CPYTHON] =
        {
            [MODEL_THREADS] = "concurrent.futures.ThreadPoolExecutor(max_workers=%1$u)",
            [MODEL_COROUTINES] = "asyncio.gather() with asyncio.Semaphore(%2$u)",
            [MODEL_PROCESSES] = "concurrent.futures.ProcessPoolExecutor(max_workers=%1$u)",
            [MODEL_PROCESSES_COROUTINES] = "concurrent.futures.ProcessPoolExecutor(max_workers=%1$u), asyncio.run() in "
                                           "each with asyncio.Semaphore(%2$u)",
        },
    [RUNTIME_PYPY] =
        {
            [MODEL_THREADS] = "concurrent.futures.ThreadPoolExecutor(max_workers=%1$u)",
            [MODEL_COROUTINES] = "asyncio.gather() with asyncio.Semaphore(%2$u)",
            [MODEL_PROCESSES] = "concurrent.futures.ProcessPoolExecutor(max_workers=%1$u)",
            [MODEL_PROCESSES_COROUTINES] = "concurrent.futures.ProcessPoolExecutor(max_workers=%1$u), asyncio.run() in "
                                           "each with asyncio.Semaphore(%2$u)",
        },
    [RUNTIME_RUBY] =
        {
            [MODEL_THREADS] = "a pool of %1$u threads (Thread.new) fed by a Queue",
            [MODEL_COROUTINES] = "Async { } with Async::Semaphore.new(%2$u) (fiber scheduler)",
            [MODEL_PROCESSES] = "%1$u worker processes (Process.fork, the parallel gem), or as many Ractors",
            [MODEL_PROCESSES_COROUTINES] = "%1$u processes (Process.fork), a fiber scheduler in each",
        },
    [RUNTIME_NODE] =
        {
            [MODEL_THREADS] = "a pool of %1$u worker_threads (piscina)",
            [MODEL_COROUTINES] = "Promise.all() over batches of %2$u",
            [MODEL_PROCESSES] = "%1$u times child_process.fork()",
            [MODEL_PROCESSES_COROUTINES] = "the cluster module with %1$u workers",
        },
    [RUNTIME_JVM] =
        {
            [MODEL_THREADS] = "Executors.newFixedThreadPool(%1$u)",
            [MODEL_COROUTINES] = "Executors.newVirtualThreadPerTaskExecutor() (JDK 21) with a Semaphore(%2$u)",
            [MODEL_PROCESSES] = "%1$u JVMs (ProcessBuilder)",
            [MODEL_PROCESSES_COROUTINES] = "%1$u JVMs, virtual threads in each",
        },
    [RUNTIME_GO] =
        {
            [MODEL_THREADS] = "%1$u goroutines (errgroup.Group with SetLimit(%1$u)); GOMAXPROCS as it is",
            [MODEL_COROUTINES] = "goroutines (errgroup.Group with SetLimit(%2$u))",
            [MODEL_PROCESSES] = "%1$u processes (os/exec)",
            [MODEL_PROCESSES_COROUTINES] = "%1$u processes, goroutines in each",
        },
};

/*
 * With the numbers in their places. Not by printf: a hardened libc (_FORTIFY_SOURCE=2) ends a program that has %2$u
 * without %1$u in a format.
 */
static char *fill_in(const char *text, uint32_t workers, uint32_t in_flight)
{
    char *filled = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&filled, &size);

    if (!out)
        return NULL;
    for (; *text; text++) {
        if (strncmp(text, "%1$u", 4) == 0 || strncmp(text, "%2$u", 4) == 0) {
            (void)fprintf(out, "%u", text[1] == '1' ? workers : in_flight);
            text += 3;
        } else {
            (void)fputc(*text, out);
        }
    }
    if (fclose(out) != 0) {
        free(filled);
        return NULL;
    }
    return filled;
}

char *construct_of(enum runtime_kind runtime, const struct recommendation *recommendation, uint32_t in_flight)
{
    uint32_t workers = recommendation->workers > 0 ? recommendation->workers : 1;
    const char *text;

    if (recommendation->model < 0 || recommendation->model >= MODEL_COUNT || recommendation->change == CHANGE_KEEP)
        return NULL;
    text = constructs[(size_t)runtime < RUNTIME_COUNT ? runtime : RUNTIME_NATIVE][recommendation->model];
    return text ? fill_in(text, workers, in_flight > 0 ? in_flight : workers) : NULL;
}

static const struct frame *own_frame(const struct finding *finding)
{
    const struct frame *frame = NULL;

    for (size_t i = 0; i < finding->n_sites && !frame; i++)
        frame = advice_own_frame(&finding->sites[i]);
    return frame;
}

/* What to do about a finding, printf-free and without the place: for any runtime, and in the words of one. */
static const struct {
    int id;
    const char *any;
    const char *of[RUNTIME_COUNT]; /* NULL: `any` says all */
} actions[] = {
    {2101, "split the lock (one per bucket or per thread, merged at the end), or hold it for less", {NULL}},
    {2201, "release the lock before the wait and take it again for the result", {NULL}},
    {3002,
     "start all operations before waiting for the first",
     {
         [RUNTIME_CPYTHON] = "start all awaits, then gather them (asyncio.TaskGroup), bounded by a semaphore",
         [RUNTIME_PYPY] = "start all awaits, then gather them (asyncio.gather), bounded by a semaphore",
         [RUNTIME_NODE] = "start all operations, then await Promise.all(), in batches that the peer can take",
         [RUNTIME_RUBY] = "start a task for each (Async::Barrier), then wait for all",
     }},
    {3101,
     "use the non-blocking call, or move it to a bounded worker pool",
     {
         [RUNTIME_CPYTHON] = "call an async library, or move the call to a bounded executor (asyncio.to_thread)",
         [RUNTIME_PYPY] = "call an async library, or move the call to a bounded executor (asyncio.to_thread)",
         [RUNTIME_NODE] = "use the call without Sync (fs.promises, execFile instead of execSync)",
         [RUNTIME_RUBY] = "use a call that the fiber scheduler knows, or a thread",
     }},
    {3102,
     "hand the computation to worker threads",
     {
         [RUNTIME_CPYTHON] = "hand the computation to a process pool (loop.run_in_executor)",
         [RUNTIME_PYPY] = "hand the computation to a process pool (loop.run_in_executor)",
         [RUNTIME_NODE] = "hand the computation to worker_threads",
         [RUNTIME_RUBY] = "hand the computation to a worker process, or a Ractor",
     }},
    {3201, "look at the peer first: an index, a cache, or a smaller answer may be worth more than concurrency", {NULL}},
    {4001,
     "keep worker processes alive and feed them (a pool), several items per message",
     {
         [RUNTIME_CPYTHON] = "keep worker processes alive (concurrent.futures.ProcessPoolExecutor), several items per "
                             "message (chunksize)",
         [RUNTIME_NODE] = "keep worker processes alive and feed them by messages, or use worker_threads",
     }},
    {4002,
     "keep worker threads alive and feed them (a pool)",
     {
         [RUNTIME_CPYTHON] = "keep worker threads alive (concurrent.futures.ThreadPoolExecutor)",
         [RUNTIME_RUBY] = "keep worker threads alive and feed them by a Queue",
         [RUNTIME_NODE] = "keep worker_threads alive and feed them by messages (piscina)",
         [RUNTIME_JVM] = "keep worker threads alive (Executors.newFixedThreadPool), or use virtual threads (21+)",
     }},
    {4003,
     "bound the number of threads: a pool, or coroutines behind a semaphore",
     {
         [RUNTIME_CPYTHON] = "bound the number of threads: ThreadPoolExecutor(max_workers=N), or coroutines behind a "
                             "semaphore",
         [RUNTIME_RUBY] = "bound the number of threads: a fixed number of them and a SizedQueue",
         [RUNTIME_JVM] =
             "bound the number of threads: Executors.newFixedThreadPool(N), or virtual threads (21+) behind "
             "a Semaphore",
         [RUNTIME_GO] = "bound what blocks a thread (system calls, cgo): errgroup.Group with SetLimit(N)",
     }},
    {4101, "send batches, share less, or do the small steps where the data is", {NULL}},
    {6001,
     "spread over machines",
     {
         [RUNTIME_CPYTHON] = "spread over machines: Dask or Ray",
         [RUNTIME_PYPY] = "spread over machines: Dask or Ray",
     }},
};

/* NULL: the wording of the finding says all. */
static const char *action_of(int id, enum runtime_kind runtime)
{
    for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
        if (actions[i].id != id)
            continue;
        return (size_t)runtime < RUNTIME_COUNT && actions[i].of[runtime] ? actions[i].of[runtime] : actions[i].any;
    }
    return NULL;
}

static int add_finding_action(const struct finding *finding, enum runtime_kind runtime, struct recommendation *r)
{
    const char *action = action_of(finding->id, runtime);
    const struct frame *frame = own_frame(finding);

    /* Ids from 9000 on are about the data: nothing to do to the program. */
    if (finding->remedy && finding->id < 9000)
        return words_append(&r->actions, &r->n_actions, "%s", finding->remedy);
    if (!action)
        return 0;
    if (frame)
        return words_append(&r->actions, &r->n_actions, "%s: %s() at %s:%u", action, frame->function, frame->file,
                            frame->line);
    return words_append(&r->actions, &r->n_actions, "%s", action);
}

/* A finding's own remedy names the library and what replaces it already. */
static bool names_twin(const struct finding *findings, size_t n, const struct async_twin *twin)
{
    for (size_t i = 0; i < n; i++)
        if (findings[i].remedy && strstr(findings[i].remedy, twin->twin) && strstr(findings[i].remedy, twin->library))
            return true;
    return false;
}

int construct_actions(const struct measurement *m, const struct finding *findings, size_t n_findings,
                      uint32_t in_flight, struct recommendation *r)
{
    const struct async_twin *twin = async_twin_seen(m);
    bool loop = r->model == MODEL_COROUTINES || r->model == MODEL_PROCESSES_COROUTINES;
    int error = 0;

    if (r->change == CHANGE_FIX)
        for (size_t i = 0; i < n_findings && error == 0; i++)
            error = add_finding_action(&findings[i], m->target.runtime.kind, r);
    if (error == 0 && r->construct)
        error = words_append(&r->actions, &r->n_actions, "use %s", r->construct);
    if (error == 0 && r->change != CHANGE_KEEP && r->long_calls)
        error = words_append(&r->actions, &r->n_actions,
                             "hand calls that read disks or compute for milliseconds to threads (asyncio.to_thread): "
                             "the loop must not stand still for them");
    if (error == 0 && r->change != CHANGE_KEEP && loop && twin && twin->twin && !names_twin(findings, n_findings, twin))
        error = words_append(&r->actions, &r->n_actions, "replace %s by %s", twin->library, twin->twin);
    if (error == 0 && r->change != CHANGE_KEEP && loop && in_flight >= 32)
        error = words_append(&r->actions, &r->n_actions, "ask whether the peer allows %u requests at once", in_flight);
    if (r->change != CHANGE_FIX)
        for (size_t i = 0; i < n_findings && error == 0; i++)
            error = add_finding_action(&findings[i], m->target.runtime.kind, r);
    return error;
}
