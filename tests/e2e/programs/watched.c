/* SPDX-License-Identifier: BSD-2-Clause */

/* Three threads that queue for a mutex and compute while they hold it, until there is a line to read. */

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static atomic_bool over;
static volatile unsigned long sum;

__attribute__((noinline)) static void compute(void)
{
    for (unsigned long i = 0; i < 3000000; i++)
        sum += i;
}

__attribute__((noinline)) static void compute_alone(void)
{
    (void)pthread_mutex_lock(&mutex);
    compute();
    (void)pthread_mutex_unlock(&mutex);
}

static void *queue(void *argument)
{
    while (!over)
        compute_alone();
    return argument;
}

int main(void)
{
    pthread_t threads[3];

    for (size_t i = 0; i < 3; i++)
        if (pthread_create(&threads[i], NULL, queue, NULL))
            return 1;
    (void)getchar();
    over = true;
    for (size_t i = 0; i < 3; i++)
        (void)pthread_join(threads[i], NULL);
    return 0;
}
