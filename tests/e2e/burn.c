/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * burn: computes in some threads and prints, as its last act, what the kernel says it used: the yardstick for on-CPU
 * time. It also stamps its own life, so that on-CPU, runnable and blocked can be held against a clock of its own.
 *
 *   burn THREADS MILLISECONDS    each thread burns until it has used that much CPU
 *   prints: {"user_ns": ..., "system_ns": ..., "wall_ns": ..., "switches": ...}
 */

#include <inttypes.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#define MAX_THREADS 256

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec ts;

    (void)clock_gettime(clock, &ts);
    return (uint64_t)ts.tv_sec * 1000000000U + (uint64_t)ts.tv_nsec;
}

static void *burn(void *arg)
{
    uint64_t budget_ns = *(const uint64_t *)arg;
    uint64_t start = clock_ns(CLOCK_THREAD_CPUTIME_ID);
    volatile uint64_t value = 1;

    while (clock_ns(CLOCK_THREAD_CPUTIME_ID) - start < budget_ns)
        for (int i = 0; i < 100000; i++)
            value = value * 6364136223846793005U + 1442695040888963407U;
    return NULL;
}

static uint64_t timeval_ns(struct timeval tv)
{
    return (uint64_t)tv.tv_sec * 1000000000U + (uint64_t)tv.tv_usec * 1000U;
}

int main(int argc, char **argv)
{
    static pthread_t threads[MAX_THREADS];
    uint64_t start = clock_ns(CLOCK_MONOTONIC);
    long n = argc > 1 ? strtol(argv[1], NULL, 10) : 1;
    uint64_t budget_ns = (argc > 2 ? strtoull(argv[2], NULL, 10) : 1000) * 1000000U;
    struct rusage usage;

    if (n < 1 || n > MAX_THREADS)
        return 2;
    for (long i = 1; i < n; i++)
        if (pthread_create(&threads[i], NULL, burn, &budget_ns))
            return 1;
    (void)burn(&budget_ns);
    for (long i = 1; i < n; i++)
        (void)pthread_join(threads[i], NULL);
    if (getrusage(RUSAGE_SELF, &usage))
        return 1;
    (void)printf("{\"user_ns\": %" PRIu64 ", \"system_ns\": %" PRIu64 ", \"wall_ns\": %" PRIu64
                 ", \"switches\": %ld}\n",
                 timeval_ns(usage.ru_utime), timeval_ns(usage.ru_stime), clock_ns(CLOCK_MONOTONIC) - start,
                 usage.ru_nvcsw + usage.ru_nivcsw);
    return 0;
}
