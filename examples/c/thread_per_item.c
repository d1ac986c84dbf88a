/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A thread is created and joined for each of thousands of items, as many at once as there are CPUs; an item is 30 us.
 *
 * Folklore: threads are light. Measured: lighter than processes, but creating one still costs as much as such an item.
 *
 * run: {bin}
 * expect: model=threads change=fix finding=CA4002
 */

#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>

#define MAX_CPUS 64
#define ITEMS 30000
#define ROUNDS_PER_ITEM 20000

static uint64_t work(uint64_t value, uint64_t rounds)
{
    while (rounds--) {
        value ^= value << 13;
        value ^= value >> 7;
        value ^= value << 17;
    }
    return value;
}

static void *handle(void *arg)
{
    return (void *)(uintptr_t)work((uint64_t)(uintptr_t)arg, ROUNDS_PER_ITEM);
}

int main(void)
{
    pthread_t threads[MAX_CPUS];
    cpu_set_t set;
    int cpus = sched_getaffinity(0, sizeof(set), &set) ? 1 : CPU_COUNT(&set);
    uint64_t sum = 0;

    cpus = cpus < MAX_CPUS ? cpus : MAX_CPUS;
    for (uintptr_t item = 0; item < ITEMS; item++) {
        int slot = (int)(item % (uintptr_t)cpus);
        void *result;

        if (item >= (uintptr_t)cpus) {
            (void)pthread_join(threads[slot], &result);
            sum += (uintptr_t)result;
        }
        if (pthread_create(&threads[slot], NULL, handle, (void *)(item + 1)))
            return 1;
    }
    for (int i = 0; i < cpus; i++)
        (void)pthread_join(threads[i], NULL);
    (void)printf("%016" PRIx64 "\n", sum);
    return 0;
}
