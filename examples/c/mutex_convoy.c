/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Four threads count words, and every count goes into one table under one mutex: most of the work is inside the lock.
 *
 * Folklore: more threads, more speed. Measured: they queue. The model is right, the lock is not: a table per thread,
 * added up at the end (or a lock per bucket), lets them run side by side.
 *
 * run: {bin}
 * expect: model=threads change=fix finding=CA2101
 */

#include <inttypes.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>

#define THREADS 4
#define COUNTS_PER_THREAD 12000
#define ROUNDS_INSIDE 14000
#define ROUNDS_OUTSIDE 2500
#define BUCKETS 64

static pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t table[BUCKETS];

static uint64_t work(uint64_t value, uint64_t rounds)
{
    while (rounds--) {
        value ^= value << 13;
        value ^= value >> 7;
        value ^= value << 17;
    }
    return value;
}

static void count_word(uint64_t word)
{
    (void)pthread_mutex_lock(&table_lock);
    table[word % BUCKETS] += work(word, ROUNDS_INSIDE) & 1;
    (void)pthread_mutex_unlock(&table_lock);
}

static void *counter(void *arg)
{
    uint64_t word = (uint64_t)(uintptr_t)arg;

    for (int i = 0; i < COUNTS_PER_THREAD; i++) {
        word = work(word, ROUNDS_OUTSIDE);
        count_word(word);
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
