/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/replay/native_work.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>

#include "analyzer/replay/native_stages.h"
#include "base/base.h"

#define MAX_COMPANY 256
#define GATE_POLL_NS (100 * NSEC_PER_USEC)
#define GATE_LIMIT_NS (20 * NSEC_PER_MSEC)
#define GATE_BURN 1000 /* iterations: about a microsecond */

static double iterations_per_ns = 1.0;
static volatile uint64_t burn_sink;

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec ts;

    (void)clock_gettime(clock, &ts);
    return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

uint64_t native_now_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

uint64_t native_thread_cpu_ns(void)
{
    return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

static uint64_t usage_ns(int who)
{
    struct rusage usage;

    if (getrusage(who, &usage) < 0)
        return 0;
    return ((uint64_t)usage.ru_utime.tv_sec + (uint64_t)usage.ru_stime.tv_sec) * NSEC_PER_SEC +
           ((uint64_t)usage.ru_utime.tv_usec + (uint64_t)usage.ru_stime.tv_usec) * NSEC_PER_USEC;
}

uint64_t native_process_cpu_ns(void)
{
    return usage_ns(RUSAGE_SELF) + usage_ns(RUSAGE_CHILDREN);
}

/* A chain of dependent multiplications: no memory, nothing for the compiler to drop. */
static void burn(uint64_t iterations)
{
    uint64_t x = burn_sink;

    for (uint64_t i = 0; i < iterations; i++)
        x = x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    burn_sink = x;
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* CPU time of this thread for that many iterations, in ns; never 0. */
static uint64_t timed_burn(uint64_t iterations)
{
    uint64_t begin_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);

    burn(iterations);
    return clock_ns(CLOCK_THREAD_CPUTIME_ID) - begin_ns + 1;
}

static void *burn_company(void *userdata)
{
    const bool *stop = userdata;

    while (!__atomic_load_n(stop, __ATOMIC_RELAXED))
        burn(100000);
    return NULL;
}

/* Iterations per ns with that many CPUs busy; alone the fastest sample, which nobody disturbed. */
static double measure_rate(uint64_t iterations, uint32_t busy)
{
    pthread_t company[MAX_COMPANY];
    double rates[15];
    uint32_t n = 0;
    bool stop = false;

    while (n + 1 < busy && n < MAX_COMPANY && pthread_create(&company[n], NULL, burn_company, &stop) == 0)
        n++;
    for (size_t i = 0; i < ARRAY_SIZE(rates); i++)
        rates[i] = (double)iterations / (double)timed_burn(iterations);
    __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
    for (uint32_t i = 0; i < n; i++)
        (void)pthread_join(company[i], NULL);
    qsort(rates, ARRAY_SIZE(rates), sizeof(rates[0]), compare_doubles);
    /* In company the middle one had company. */
    return rates[n ? ARRAY_SIZE(rates) / 2 : ARRAY_SIZE(rates) - 1];
}

static uint32_t own_cpus(void)
{
    cpu_set_t set;

    return sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set) > 0 ? (uint32_t)CPU_COUNT(&set) : 1;
}

double native_calibrate(uint32_t parallel, uint32_t cpus)
{
    uint32_t all = cpus < own_cpus() ? cpus : own_cpus();
    uint64_t iterations = 100000;
    double alone, together;

    while (timed_burn(iterations) < NSEC_PER_MSEC)
        iterations *= 2;
    alone = measure_rate(iterations, 1);
    together = all > 1 ? measure_rate(iterations, all) : alone;
    if (parallel <= 1)
        iterations_per_ns = alone;
    else if (parallel == all)
        iterations_per_ns = together;
    else
        iterations_per_ns = measure_rate(iterations, parallel);
    return alone / together;
}

static void burn_ns(uint64_t ns)
{
    burn((uint64_t)((double)ns * iterations_per_ns));
}

void native_lock(pthread_mutex_t *mutex)
{
    if (pthread_mutex_lock(mutex) == EOWNERDEAD)
        (void)pthread_mutex_consistent(mutex);
}

/* The interpreter lock in turns of one switch interval, first come first served. */
static void burn_locked(struct native_shared *shared, uint64_t ns)
{
    while (ns) {
        uint64_t turn_ns = ns < shared->interval_ns ? ns : shared->interval_ns;
        uint64_t ticket;

        native_lock(&shared->turn_mutex);
        ticket = shared->next_ticket++;
        while (ticket != shared->now_serving)
            (void)pthread_cond_wait(&shared->turn_cond, &shared->turn_mutex);
        (void)pthread_mutex_unlock(&shared->turn_mutex);
        burn_ns(turn_ns);
        native_lock(&shared->turn_mutex);
        shared->now_serving++;
        (void)pthread_cond_broadcast(&shared->turn_cond);
        (void)pthread_mutex_unlock(&shared->turn_mutex);
        ns -= turn_ns;
    }
}

void native_burn(struct native_shared *shared, const struct native_step *step)
{
    if (shared->interpreter_lock && step->locked_ns)
        burn_locked(shared, step->locked_ns);
    else if (step->locked_ns)
        burn_ns(step->locked_ns);
    if (step->free_ns)
        burn_ns(step->free_ns);
}

void native_sleep(uint64_t ns)
{
    struct timespec left = {.tv_sec = (time_t)(ns / NSEC_PER_SEC), .tv_nsec = (long)(ns % NSEC_PER_SEC)};

    while (clock_nanosleep(CLOCK_MONOTONIC, 0, &left, &left) == EINTR)
        ;
}

void native_run_step(const struct native_job *job, const struct native_step *step)
{
    if (step->lock)
        native_lock(&job->shared->locks[step->lock - 1]);
    native_burn(job->shared, step);
    if (step->waits)
        native_sleep(step->wait_ns);
    if (step->lock)
        (void)pthread_mutex_unlock(&job->shared->locks[step->lock - 1]);
}

void native_run_item(const struct native_job *job, size_t item)
{
    const struct native_item *range = &job->plan->items[item];

    for (size_t i = range->first; i < range->first + range->count; i++)
        native_run_step(job, &job->steps[i]);
}

static bool has_gate(uint32_t workers)
{
    return workers > 1 && workers <= own_cpus();
}

static enum gate_state gate_state(struct native_shared *shared)
{
    return (enum gate_state)__atomic_load_n(&shared->gate.state, __ATOMIC_ACQUIRE);
}

void native_gate_wait(struct native_shared *shared, uint32_t workers)
{
    uint64_t begin_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
    uint32_t index;

    if (!has_gate(workers))
        return;
    while (gate_state(shared) == GATE_CLOSED)
        native_sleep(GATE_POLL_NS);
    index = __atomic_fetch_add(&shared->gate.arrived, 1, __ATOMIC_ACQ_REL);
    while (gate_state(shared) == GATE_SPREADING) {
        __atomic_store_n(&shared->gate.cpu[index], sched_getcpu(), __ATOMIC_RELEASE);
        burn(GATE_BURN); /* not sched_yield(): Linux 6.18 makes who yields wait for its CPU later */
    }
    (void)__atomic_fetch_add(&shared->gate.cpu_ns, clock_ns(CLOCK_THREAD_CPUTIME_ID) - begin_ns, __ATOMIC_RELAXED);
}

/* All there, and no two on one CPU. */
static bool are_spread(struct native_shared *shared, uint32_t workers)
{
    cpu_set_t seen;

    if (__atomic_load_n(&shared->gate.arrived, __ATOMIC_ACQUIRE) < workers)
        return false;
    CPU_ZERO(&seen);
    for (uint32_t i = 0; i < workers; i++) {
        int cpu = __atomic_load_n(&shared->gate.cpu[i], __ATOMIC_ACQUIRE);

        if (cpu >= 0 && cpu < CPU_SETSIZE)
            CPU_SET(cpu, &seen);
    }
    return CPU_COUNT(&seen) == (int)workers;
}

/* Asleep meanwhile, so that all CPUs are the workers'. */
void native_gate_open(struct native_shared *shared, uint32_t workers)
{
    uint64_t begin_ns = native_now_ns();

    if (!has_gate(workers))
        return;
    __atomic_store_n(&shared->gate.state, GATE_SPREADING, __ATOMIC_RELEASE);
    do
        native_sleep(GATE_POLL_NS);
    while (!are_spread(shared, workers) && native_now_ns() - begin_ns < GATE_LIMIT_NS);
    __atomic_store_n(&shared->gate.state, GATE_OPEN, __ATOMIC_RELEASE);
    shared->gate.wait_ns = native_now_ns() - begin_ns;
}

/* The lane's next item before `end`. Only the lane itself looks for its items. */
static bool take_own(const struct native_job *job, uint32_t lane, size_t end, size_t *ret_item)
{
    uint64_t *next = &job->shared->lane_next[lane];

    while (*next < end && job->plan->lanes[*next] != lane)
        ++*next;
    if (*next >= end)
        return false;
    *ret_item = (size_t)(*next)++;
    return true;
}

bool native_take(const struct native_job *job, uint32_t lane, size_t phase, size_t *ret_item)
{
    uint64_t end = job->plan->phase_ends[phase];
    uint64_t item = __atomic_load_n(&job->shared->next_item, __ATOMIC_RELAXED);

    if (job->plan->lanes)
        return take_own(job, lane, (size_t)end, ret_item);
    while (item < end && !__atomic_compare_exchange_n(&job->shared->next_item, &item, item + 1, true, __ATOMIC_RELAXED,
                                                      __ATOMIC_RELAXED))
        ;
    *ret_item = (size_t)item;
    return item < end;
}

void native_work(const struct native_job *job, uint32_t lane)
{
    size_t item;

    if (job->plan->n_stages > 1) {
        native_stages_work(job, lane);
        return;
    }
    for (size_t phase = 0; phase < job->plan->n_phases; phase++) {
        if (phase)
            (void)pthread_barrier_wait(&job->shared->phase);
        while (native_take(job, lane, phase, &item))
            native_run_item(job, item);
    }
}

static void init_locks(struct native_shared *shared, uint16_t n)
{
    pthread_mutexattr_t attributes;

    (void)pthread_mutexattr_init(&attributes);
    (void)pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    (void)pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    for (uint16_t i = 0; i < n; i++)
        (void)pthread_mutex_init(&shared->locks[i], &attributes);
    (void)pthread_mutexattr_destroy(&attributes);
    (void)pthread_mutex_init(&shared->turn_mutex, NULL);
    (void)pthread_cond_init(&shared->turn_cond, NULL);
}

/* Workers that meet between phases: loops are one of them each, however many items they have in flight. */
static int init_phases(struct native_shared *shared, const struct native_plan *plan)
{
    pthread_barrierattr_t attributes;
    bool loops = strcmp(plan->model, "processes+coroutines") == 0;
    int r;

    (void)pthread_barrierattr_init(&attributes);
    (void)pthread_barrierattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    r = pthread_barrier_init(&shared->phase, &attributes, loops ? plan->processes : plan->workers);
    (void)pthread_barrierattr_destroy(&attributes);
    return -r;
}

struct native_shared *native_shared_new(const struct native_plan *plan)
{
    bool loops = strcmp(plan->model, "processes+coroutines") == 0;
    size_t lanes_size = (size_t)plan->workers * (loops ? plan->processes : 1) * sizeof(uint64_t);
    size_t locks_size = plan->n_locks * sizeof(pthread_mutex_t);
    size_t size = sizeof(struct native_shared) + lanes_size + locks_size + native_stages_size(plan);
    struct native_shared *shared = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    char *arrays;

    if (shared == MAP_FAILED)
        return NULL;
    arrays = (char *)(shared + 1);
    shared->size = size;
    shared->lane_next = (uint64_t *)(void *)arrays;
    shared->locks = (pthread_mutex_t *)(void *)(arrays + lanes_size);
    shared->stages = (struct native_stage *)(void *)(arrays + lanes_size + locks_size);
    init_locks(shared, plan->n_locks);
    if (init_phases(shared, plan) < 0 || native_stages_init(shared, plan) < 0) {
        native_shared_free(shared);
        return NULL;
    }
    shared->interval_ns = plan->switch_interval_ns ? plan->switch_interval_ns : 5 * NSEC_PER_MSEC;
    /* Only threads of one process share an interpreter's lock; lanes of a process replay have one each, uncontended. */
    shared->interpreter_lock = plan->interpreter_lock && strcmp(plan->model, "threads") == 0;
    return shared;
}

void native_shared_free(struct native_shared *shared)
{
    if (shared)
        (void)munmap(shared, shared->size);
}
