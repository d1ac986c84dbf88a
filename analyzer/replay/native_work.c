/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/replay/native_work.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>

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

void native_calibrate(uint32_t parallel)
{
    pthread_t company[MAX_COMPANY];
    uint64_t iterations = 100000;
    double rates[15];
    uint32_t n = 0;
    bool stop = false;

    while (timed_burn(iterations) < NSEC_PER_MSEC)
        iterations *= 2;
    while (n + 1 < parallel && n < MAX_COMPANY && pthread_create(&company[n], NULL, burn_company, &stop) == 0)
        n++;
    for (size_t i = 0; i < ARRAY_SIZE(rates); i++)
        rates[i] = (double)iterations / (double)timed_burn(iterations);
    __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
    for (uint32_t i = 0; i < n; i++)
        (void)pthread_join(company[i], NULL);
    qsort(rates, ARRAY_SIZE(rates), sizeof(rates[0]), compare_doubles);
    /* Alone, the fastest sample is the undisturbed one; in company the middle one had company. */
    iterations_per_ns = rates[n ? ARRAY_SIZE(rates) / 2 : ARRAY_SIZE(rates) - 1];
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

void native_run_item(const struct native_job *job, size_t item)
{
    const struct native_item *range = &job->plan->items[item];

    for (size_t i = range->first; i < range->first + range->count; i++) {
        const struct native_step *step = &job->steps[i];

        if (step->critical)
            native_lock(&job->shared->mutex);
        native_burn(job->shared, step);
        if (step->waits)
            native_sleep(step->wait_ns);
        if (step->critical)
            (void)pthread_mutex_unlock(&job->shared->mutex);
    }
}

static bool has_gate(uint32_t workers)
{
    cpu_set_t set;

    return workers > 1 && sched_getaffinity(0, sizeof(set), &set) == 0 && workers <= (uint32_t)CPU_COUNT(&set);
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

bool native_take(const struct native_job *job, size_t *ret_item)
{
    uint64_t item = __atomic_fetch_add(&job->shared->next_item, 1, __ATOMIC_RELAXED);

    if (item >= job->plan->n_items)
        return false;
    *ret_item = (size_t)item;
    return true;
}

struct native_shared *native_shared_new(const struct native_plan *plan)
{
    struct native_shared *shared =
        mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pthread_mutexattr_t attributes;
    pthread_condattr_t cond_attributes;

    if (shared == MAP_FAILED)
        return NULL;
    (void)pthread_mutexattr_init(&attributes);
    (void)pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    (void)pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    (void)pthread_mutex_init(&shared->mutex, &attributes);
    (void)pthread_mutexattr_destroy(&attributes);
    (void)pthread_mutex_init(&shared->turn_mutex, NULL);
    (void)pthread_condattr_init(&cond_attributes);
    (void)pthread_cond_init(&shared->turn_cond, &cond_attributes);
    (void)pthread_condattr_destroy(&cond_attributes);
    shared->interval_ns = plan->switch_interval_ns ? plan->switch_interval_ns : 5 * NSEC_PER_MSEC;
    /* Only threads of one process share an interpreter's lock; lanes of a process replay have one each, uncontended. */
    shared->interpreter_lock = plan->interpreter_lock && strcmp(plan->model, "threads") == 0;
    return shared;
}

void native_shared_free(struct native_shared *shared)
{
    if (shared)
        (void)munmap(shared, sizeof(*shared));
}
