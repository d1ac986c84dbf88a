/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * As many threads as CPUs, each with its own share and nothing in common: the program others should become.
 *
 * Folklore: there is always something to tune. Measured: the CPUs are full of useful work; leave it alone.
 *
 * run: {bin}
 * expect: model=threads change=keep not-finding=CA1203 not-finding=CA2101 not-finding=CA1001 finding=CA1301
 */

#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>

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
    return (void *)(uintptr_t)work((uint64_t)(uintptr_t)arg, ROUNDS_PER_CPU);
}

static int usable_cpus(void)
{
    cpu_set_t set;
    int n = sched_getaffinity(0, sizeof(set), &set) ? 1 : CPU_COUNT(&set);

    return n < MAX_CPUS ? n : MAX_CPUS;
}

int main(void)
{
    pthread_t threads[MAX_CPUS];
    int n = usable_cpus();
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
