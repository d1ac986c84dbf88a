/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The words of locks_before.c: each is worked out first, and the mutex is held for one addition.
 *
 * run: {bin}
 * expect: model=threads not-finding=CA2101
 */

#include <inttypes.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>

#define THREADS 4
#define COUNTS_PER_THREAD 6000
#define BUCKETS 64

static pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t table[BUCKETS];

static uint64_t work(uint64_t value, int rounds)
{
    while (rounds--) {
        value ^= value << 13;
        value ^= value >> 7;
        value ^= value << 17;
    }
    return value;
}

static void count(uint64_t word)
{
    uint64_t one = work(word, 14000) & 1;

    (void)pthread_mutex_lock(&table_lock);
    table[word % BUCKETS] += one;
    (void)pthread_mutex_unlock(&table_lock);
}

static void *counter(void *arg)
{
    uint64_t word = (uint64_t)(uintptr_t)arg;

    for (int i = 0; i < COUNTS_PER_THREAD; i++) {
        word = work(word, 2500);
        count(word);
    }
    return NULL;
}

int main(void)
{
    pthread_t threads[THREADS];
    uint64_t sum = 0;

    for (uintptr_t i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, counter, (void *)(i + 1)))
            return 1;
    for (int i = 0; i < THREADS; i++)
        (void)pthread_join(threads[i], NULL);
    for (int i = 0; i < BUCKETS; i++)
        sum += table[i];
    (void)printf("%" PRIu64 "\n", sum);
    return 0;
}
