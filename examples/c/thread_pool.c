/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A pool of as many threads as CPUs takes items of about a millisecond from a queue under a mutex and a condition.
 *
 * Folklore: a shared queue is a bottleneck. Measured: at this item size the queue is busy a thousandth of the time.
 *
 * run: {bin}
 * expect: model=threads change=keep not-finding=CA2101 not-finding=CA1001 not-finding=CA4002
 */

#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define MAX_CPUS 64
#define ITEMS_PER_CPU 1400
#define ROUNDS_PER_ITEM 700000
#define QUEUE_LENGTH 64

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t not_empty = PTHREAD_COND_INITIALIZER;
static pthread_cond_t not_full = PTHREAD_COND_INITIALIZER;
static uint64_t queue[QUEUE_LENGTH];
static unsigned queued, first;
static bool closed;
static uint64_t result;

static uint64_t work(uint64_t value, uint64_t rounds)
{
    while (rounds--) {
        value ^= value << 13;
        value ^= value >> 7;
        value ^= value << 17;
    }
    return value;
}

static void put(uint64_t item)
{
    (void)pthread_mutex_lock(&lock);
    while (queued == QUEUE_LENGTH)
        (void)pthread_cond_wait(&not_full, &lock);
    queue[(first + queued++) % QUEUE_LENGTH] = item;
    (void)pthread_cond_signal(&not_empty);
    (void)pthread_mutex_unlock(&lock);
}

static bool take(uint64_t *ret_item)
{
    bool any;

    (void)pthread_mutex_lock(&lock);
    while (!queued && !closed)
        (void)pthread_cond_wait(&not_empty, &lock);
    any = queued > 0;
    if (any) {
        *ret_item = queue[first];
        first = (first + 1) % QUEUE_LENGTH;
        queued--;
        (void)pthread_cond_signal(&not_full);
    }
    (void)pthread_mutex_unlock(&lock);
    return any;
}

static void *worker(void *arg)
{
    uint64_t item, sum = 0;

    (void)arg;
    while (take(&item))
        sum += work(item, ROUNDS_PER_ITEM);
    (void)pthread_mutex_lock(&lock);
    result += sum;
    (void)pthread_mutex_unlock(&lock);
    return NULL;
}

int main(void)
{
    pthread_t threads[MAX_CPUS];
    cpu_set_t set;
    int n = sched_getaffinity(0, sizeof(set), &set) ? 1 : CPU_COUNT(&set);

    n = n < MAX_CPUS ? n : MAX_CPUS;
    for (int i = 0; i < n; i++)
        if (pthread_create(&threads[i], NULL, worker, NULL))
            return 1;
    for (uint64_t item = 1; item <= (uint64_t)n * ITEMS_PER_CPU; item++)
        put(item);
    (void)pthread_mutex_lock(&lock);
    closed = true;
    (void)pthread_cond_broadcast(&not_empty);
    (void)pthread_mutex_unlock(&lock);
    for (int i = 0; i < n; i++)
        (void)pthread_join(threads[i], NULL);
    (void)printf("%016" PRIx64 "\n", result);
    return 0;
}
