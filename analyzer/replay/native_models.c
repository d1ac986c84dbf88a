/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/replay/native_models.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "analyzer/replay/native_work.h"
#include "base/base.h"

/* --- Memory --- */

/* A line such as "VmHWM:     1234 kB" summed over all that begin with `key`, in bytes; 0 where the file is missing. */
static uint64_t sum_kilobytes(const char *path, const char *key)
{
    AUTO_FCLOSE FILE *file = fopen(path, "re");
    unsigned long long value;
    char line[256];
    uint64_t sum = 0;

    while (file && fgets(line, sizeof(line), file)) {
        const char *colon = strchr(line, ':');

        if (strncmp(line, key, strlen(key)) == 0 && colon && sscanf(colon + 1, "%llu", &value) == 1)
            sum += (uint64_t)value * 1024;
    }
    return sum;
}

static uint64_t private_bytes(void)
{
    return sum_kilobytes("/proc/self/smaps_rollup", "Private_");
}

/* VmHWM starts again from what is resident now: proc(5), clear_refs. @return what is resident */
static uint64_t reset_peak(void)
{
    AUTO_FCLOSE FILE *file = fopen("/proc/self/clear_refs", "we");

    if (file)
        (void)fputs("5", file);
    return sum_kilobytes("/proc/self/status", "VmRSS");
}

/* --- Children --- */

int native_fork(void)
{
    pid_t parent = getpid(), pid = fork();

    if (pid < 0)
        return -errno;
    if (pid > 0)
        return pid;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    return 0;
}

/* @return 0, or -ECHILD when one failed */
static int reap(pid_t *pids, uint32_t count)
{
    int status, r = 0;

    for (uint32_t i = 0; i < count; i++)
        if (pids[i] > 0 && (waitpid(pids[i], &status, 0) < 0 || status != 0))
            r = -ECHILD;
    return r;
}

static int read_full(int fd, void *buffer, size_t size)
{
    ssize_t n;

    do
        n = read(fd, buffer, size);
    while (n < 0 && errno == EINTR);
    return n == (ssize_t)size ? 0 : n < 0 ? -errno : -EPIPE;
}

/* Messages of a few bytes: pipes take them whole (PIPE_BUF). */
static int write_full(int fd, const void *buffer, size_t size)
{
    ssize_t n;

    do
        n = write(fd, buffer, size);
    while (n < 0 && errno == EINTR);
    return n == (ssize_t)size ? 0 : -errno;
}

/* --- Threads --- */

struct thread_pool {
    const struct native_job *job;
    pthread_barrier_t ready;
    uint32_t lanes;    /* atomic: numbers given out */
    uint64_t first_ns; /* when the first thread began: the others may have to wait for a CPU */
};

static void *pool_thread(void *userdata)
{
    struct thread_pool *pool = userdata;
    uint32_t lane = __atomic_fetch_add(&pool->lanes, 1, __ATOMIC_RELAXED);
    uint64_t now_ns, first_ns = UINT64_MAX;

    (void)pthread_barrier_wait(&pool->ready);
    native_gate_wait(pool->job->shared, pool->job->plan->workers);
    now_ns = native_now_ns();
    while (now_ns < first_ns &&
           !__atomic_compare_exchange_n(&pool->first_ns, &first_ns, now_ns, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        ;
    native_work(pool->job, lane);
    return NULL;
}

/* The barrier needs every thread: without one of them the others would wait for ever, so failing means leaving. */
static int run_thread_pool(const struct native_job *job, uint64_t *ret_start_ns)
{
    AUTO_FREE pthread_t *threads = calloc(job->plan->workers, sizeof(*threads));
    struct thread_pool pool = {.job = job, .first_ns = UINT64_MAX};
    uint64_t begin_ns = native_now_ns();

    if (!threads)
        return -ENOMEM;
    if (pthread_barrier_init(&pool.ready, NULL, job->plan->workers + 1) != 0)
        return -EAGAIN;
    for (uint32_t i = 0; i < job->plan->workers; i++)
        if (pthread_create(&threads[i], NULL, pool_thread, &pool) != 0)
            _exit(3);
    (void)pthread_barrier_wait(&pool.ready);
    native_gate_open(job->shared, job->plan->workers);
    for (uint32_t i = 0; i < job->plan->workers; i++)
        (void)pthread_join(threads[i], NULL);
    *ret_start_ns = pool.first_ns - begin_ns - job->shared->gate.wait_ns;
    (void)pthread_barrier_destroy(&pool.ready);
    return 0;
}

struct one_item {
    const struct native_job *job;
    size_t item;
};

static void *one_item_thread(void *userdata)
{
    struct one_item *one = userdata;

    native_run_item(one->job, one->item);
    return NULL;
}

/* Is the item the first of a later phase? All before it must be done then. *phase counts along. */
static bool starts_phase(const struct native_plan *plan, size_t item, size_t *phase)
{
    if (*phase + 1 >= plan->n_phases || item < plan->phase_ends[*phase])
        return false;
    ++*phase;
    return true;
}

static int run_thread_per_item(const struct native_job *job)
{
    uint32_t most = job->plan->workers;
    AUTO_FREE pthread_t *threads = calloc(most, sizeof(*threads));
    AUTO_FREE struct one_item *ones = calloc(job->plan->n_items, sizeof(*ones));
    size_t started = 0, joined = 0, phase = 0;

    if (!threads || !ones)
        return -ENOMEM;
    for (; started < job->plan->n_items; started++) {
        size_t live = starts_phase(job->plan, started, &phase) ? 0 : most - 1;

        while (started - joined > live)
            (void)pthread_join(threads[joined++ % most], NULL);
        ones[started] = (struct one_item){.job = job, .item = started};
        if (pthread_create(&threads[started % most], NULL, one_item_thread, &ones[started]) != 0)
            _exit(3);
    }
    while (joined < started)
        (void)pthread_join(threads[joined++ % most], NULL);
    return 0;
}

/* --- Processes --- */

/* What a worker process sends back: an item done, or at its end its private memory. */
struct message {
    uint64_t is_end;
    uint64_t value;
};

struct pipes {
    int tasks[2];
    int results[2];
};

static void close_pipes(struct pipes *pipes)
{
    for (size_t i = 0; i < 2; i++) {
        base_close_fd(&pipes->tasks[i]);
        base_close_fd(&pipes->results[i]);
    }
}

static int open_pipes(struct pipes *pipes)
{
    if (pipe2(pipes->tasks, O_CLOEXEC) < 0 || pipe2(pipes->results, O_CLOEXEC) < 0)
        return -errno;
    return 0;
}

/* Worker of a fork pool: item numbers come in, results go out, an end of input ends it. */
static void pool_process(const struct native_job *job, struct pipes *pipes)
{
    struct message message = {.is_end = 0};
    uint64_t item;

    base_close_fd(&pipes->tasks[1]);
    (void)write_full(pipes->results[1], &message, sizeof(message));
    native_gate_wait(job->shared, job->plan->workers);
    while (read_full(pipes->tasks[0], &item, sizeof(item)) == 0) {
        native_run_item(job, item);
        message.value = item;
        if (write_full(pipes->results[1], &message, sizeof(message)) < 0)
            _exit(2);
    }
    message = (struct message){.is_end = 1, .value = private_bytes()};
    _exit(write_full(pipes->results[1], &message, sizeof(message)) < 0 ? 2 : 0);
}

/*
 * Worker that needs nobody to hand it items: an event loop over the shared bag, a lane with items of its own, or one of
 * a stage. Starts when the number comes.
 */
static void share_process(const struct native_job *job, struct pipes *pipes, bool loops)
{
    uint32_t count = loops ? job->plan->processes : job->plan->workers;
    struct message message = {.is_end = 0};
    uint64_t lane;

    (void)write_full(pipes->results[1], &message, sizeof(message));
    native_gate_wait(job->shared, count);
    if (read_full(pipes->tasks[0], &lane, sizeof(lane)) < 0)
        _exit(2);
    if (!loops)
        native_work(job, (uint32_t)lane);
    else if (native_loop_run(job, job->plan->workers, (uint32_t)lane * job->plan->workers, true) < 0)
        _exit(2);
    (void)write_full(pipes->results[1], &message, sizeof(message));
    message = (struct message){.is_end = 1, .value = private_bytes()};
    _exit(write_full(pipes->results[1], &message, sizeof(message)) < 0 ? 2 : 0);
}

/* Read `count` messages that are no ends; ends that come early are added to *bytes. */
static int collect(const struct pipes *pipes, size_t count, uint64_t *bytes)
{
    struct message message;

    while (count) {
        int r = read_full(pipes->results[0], &message, sizeof(message));

        if (r < 0)
            return r;
        if (message.is_end)
            *bytes += message.value;
        else
            count--;
    }
    return 0;
}

static int collect_ends(const struct pipes *pipes, uint64_t *bytes)
{
    struct message message;

    while (read_full(pipes->results[0], &message, sizeof(message)) == 0)
        if (message.is_end)
            *bytes += message.value;
    return 0;
}

/* Keep a few items on the way for each worker; both pipes are far from full then. */
static int feed_phase(const struct native_job *job, const struct pipes *pipes, uint64_t sent, uint64_t end,
                      uint64_t *bytes)
{
    uint64_t received = sent, most = sent + 4 * (uint64_t)job->plan->workers;

    for (; sent < end && sent < most; sent++)
        if (write_full(pipes->tasks[1], &sent, sizeof(sent)) < 0)
            return -EPIPE;
    if (!received)
        native_gate_open(job->shared, job->plan->workers);
    for (; received < end; received++) {
        int r = collect(pipes, 1, bytes);

        if (r < 0)
            return r;
        if (sent < end && write_full(pipes->tasks[1], &sent, sizeof(sent)) < 0)
            return -EPIPE;
        sent++;
    }
    return 0;
}

static int feed_pool(const struct native_job *job, const struct pipes *pipes, uint64_t *bytes)
{
    uint64_t begin = 0;

    for (size_t phase = 0; phase < job->plan->n_phases; phase++) {
        int r = feed_phase(job, pipes, begin, job->plan->phase_ends[phase], bytes);

        if (r < 0)
            return r;
        begin = job->plan->phase_ends[phase];
    }
    return 0;
}

/* Start all at once, each with its number, and wait until they are done. */
static int drive_shares(const struct native_job *job, const struct pipes *pipes, uint32_t count, uint64_t *bytes)
{
    for (uint64_t i = 0; i < count; i++)
        if (write_full(pipes->tasks[1], &i, sizeof(i)) < 0)
            return -EPIPE;
    native_gate_open(job->shared, count);
    return collect(pipes, count, bytes);
}

static int run_process_pool(const struct native_job *job, bool loops, struct native_times *times)
{
    uint32_t count = loops ? job->plan->processes : job->plan->workers, forked = 0;
    AUTO_FREE pid_t *pids = calloc(count, sizeof(*pids));
    CLEANUP(close_pipes) struct pipes pipes = {{-1, -1}, {-1, -1}};
    bool shares = loops || job->plan->lanes || job->plan->n_stages > 1;
    uint64_t begin_ns = native_now_ns(), bytes = 0;
    int r = pids ? open_pipes(&pipes) : -ENOMEM;

    for (; forked < count && r == 0; forked++) {
        pids[forked] = native_fork();
        if (pids[forked] == 0)
            shares ? share_process(job, &pipes, loops) : pool_process(job, &pipes);
        if (pids[forked] < 0)
            r = (int)pids[forked];
    }
    base_close_fd(&pipes.tasks[0]);
    base_close_fd(&pipes.results[1]);
    pipes.tasks[0] = pipes.results[1] = -1;
    if (r == 0)
        r = collect(&pipes, count, &bytes);
    times->start_ns = native_now_ns() - begin_ns;
    if (r == 0)
        r = shares ? drive_shares(job, &pipes, count, &bytes) : feed_pool(job, &pipes, &bytes);
    times->wall_ns = native_now_ns() - begin_ns;
    /* The shutdown of a pool is not part of the work. */
    base_close_fd(&pipes.tasks[1]);
    pipes.tasks[1] = -1;
    if (r == 0)
        r = collect_ends(&pipes, &bytes);
    times->peak_rss_bytes += bytes;
    int reaped = pids ? reap(pids, forked) : 0;

    return r < 0 ? r : reaped;
}

static int run_process_per_item(const struct native_job *job)
{
    uint32_t most = job->plan->workers;
    AUTO_FREE pid_t *pids = calloc(most, sizeof(*pids));
    size_t started = 0, reaped = 0, phase = 0;
    int r = 0;

    if (!pids)
        return -ENOMEM;
    for (; started < job->plan->n_items && r == 0; started++) {
        size_t live = starts_phase(job->plan, started, &phase) ? 0 : most - 1;

        while (started - reaped > live && r == 0)
            r = reap(&pids[reaped++ % most], 1);
        pids[started % most] = native_fork();
        if (pids[started % most] == 0) {
            native_run_item(job, started);
            _exit(0);
        }
        if (pids[started % most] < 0)
            r = (int)pids[started % most];
    }
    while (reaped < started) {
        int reap_r = reap(&pids[reaped++ % most], 1);

        r = r < 0 ? r : reap_r;
    }
    return r;
}

/* --- Runs --- */

static int run_serial(const struct native_job *job)
{
    for (size_t item = 0; item < job->plan->n_items; item++)
        native_run_item(job, item);
    return 0;
}

static int dispatch(const struct native_job *job, struct native_times *times)
{
    const struct native_plan *plan = job->plan;

    if (strcmp(plan->model, "serial") == 0)
        return run_serial(job);
    if (strcmp(plan->model, "threads") == 0)
        return plan->worker_per_item ? run_thread_per_item(job) : run_thread_pool(job, &times->start_ns);
    if (strcmp(plan->model, "coroutines") == 0)
        return native_loop_run(job, plan->workers, 0, false);
    if (strcmp(plan->model, "processes") == 0)
        return plan->worker_per_item ? run_process_per_item(job) : run_process_pool(job, false, times);
    if (strcmp(plan->model, "processes+coroutines") == 0)
        return run_process_pool(job, true, times);
    return -EINVAL;
}

int native_run(const struct native_plan *plan, bool empty, struct native_times *ret_times)
{
    struct native_job job = {.plan = plan, .steps = empty ? plan->empty_steps : plan->steps};
    struct native_times times = {0};
    uint64_t resident, peak, cpu_ns, begin_ns;
    int r;

    job.shared = native_shared_new(plan);
    if (!job.shared)
        return -ENOMEM;
    resident = reset_peak();
    cpu_ns = native_process_cpu_ns();
    begin_ns = native_now_ns();
    r = dispatch(&job, &times);
    if (!times.wall_ns)
        times.wall_ns = native_now_ns() - begin_ns;
    times.wall_ns -= job.shared->gate.wait_ns;
    cpu_ns += job.shared->gate.cpu_ns;
    native_shared_free(job.shared);
    if (r < 0)
        return r;
    times.cpu_ns = native_process_cpu_ns() - cpu_ns;
    peak = sum_kilobytes("/proc/self/status", "VmHWM");
    times.peak_rss_bytes += peak > resident ? peak - resident : 0;
    *ret_times = times;
    return 0;
}
