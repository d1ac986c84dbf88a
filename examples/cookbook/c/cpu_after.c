/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The pieces of cpu_before.c, taken by as many threads as there are CPUs.
 *
 * run: {bin}
 * expect: model=threads not-finding=CA1001
 */

#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>

#define PIECES 50
#define MAX_WORKERS 64

static atomic_uint_fast64_t next_piece, sum;

/* Not inlined, or the compiler would do two pieces at once in vector registers. */
__attribute__((noinline)) static uint64_t piece(uint64_t value)
{
    for (int i = 0; i < 12000000; i++) {
        value ^= value << 13;
        value ^= value >> 7;
        value ^= value << 17;
    }
    return value;
}

static void *work(void *unused)
{
    uint64_t i;

    (void)unused;
    while ((i = atomic_fetch_add(&next_piece, 1)) < PIECES)
        (void)atomic_fetch_add(&sum, piece(i + 1));
    return NULL;
}

int main(void)
{
    pthread_t workers[MAX_WORKERS];
    cpu_set_t set;
    int n = sched_getaffinity(0, sizeof(set), &set) ? 1 : CPU_COUNT(&set);

    n = n < MAX_WORKERS ? n : MAX_WORKERS;
    for (int i = 0; i < n; i++)
        if (pthread_create(&workers[i], NULL, work, NULL))
            return 1;
    for (int i = 0; i < n; i++)
        (void)pthread_join(workers[i], NULL);
    (void)printf("%" PRIu64 "\n", (uint64_t)sum);
    return 0;
}
