/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Sixteen busy threads per CPU, each with its share of the same arithmetic.
 *
 * Folklore: sixteen times the threads, sixteen times the speed. Measured: the CPUs were full with one thread each; the
 * others stand in the run queue, cost memory and make every single answer late. Threads are right, their number is not.
 *
 * run: {bin}
 * expect: model=threads change=fix finding=CA1203
 */

#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>

#define THREADS_PER_CPU 16
#define MAX_CPUS 64
#define ROUNDS_PER_CPU 800000000

static uint64_t work(uint64_t value, uint64_t rounds)
{
    while (rounds--) {
        value ^= value << 13;
        value ^= value >> 7;
        value ^= value << 17;
    }
    return value;
}

static void *worker(void *arg)
{
    return (void *)(uintptr_t)work((uint64_t)(uintptr_t)arg, ROUNDS_PER_CPU / THREADS_PER_CPU);
}

static int usable_cpus(void)
{
    cpu_set_t set;
    int n = sched_getaffinity(0, sizeof(set), &set) ? 1 : CPU_COUNT(&set);

    return n < MAX_CPUS ? n : MAX_CPUS;
}

int main(void)
{
    static pthread_t threads[MAX_CPUS * THREADS_PER_CPU];
    int n = usable_cpus() * THREADS_PER_CPU;
    uint64_t sum = 0;

    for (int i = 0; i < n; i++)
        if (pthread_create(&threads[i], NULL, worker, (void *)(uintptr_t)(i + 1)))
            return 1;
    for (int i = 0; i < n; i++) {
        void *result;

        (void)pthread_join(threads[i], &result);
        sum += (uintptr_t)result;
    }
    (void)printf("%016" PRIx64 "\n", sum);
    return 0;
}
