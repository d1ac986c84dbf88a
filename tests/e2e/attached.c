/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * attached: a target that runs before concadvise comes. Prints "up" when it is where it is to be found.
 *
 *     attached lock            three threads wait for a mutex whose owner, the first thread, sleeps
 *     attached ticks N         N lines, one every 10 ms, from a thread; then exit status 3
 *     attached spin            one thread computes, three sleep
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static volatile unsigned long sink;

static void say_up(void)
{
    (void)puts("up");
    (void)fflush(stdout);
}

static void *wait_for_owner(void *unused)
{
    (void)unused;
    (void)pthread_mutex_lock(&mutex); /* lock_here */
    (void)pthread_mutex_unlock(&mutex);
    return NULL;
}

static void *sleep_long(void *unused)
{
    (void)unused;
    (void)sleep(60);
    return NULL;
}

static void *print_ticks(void *count)
{
    for (long i = 0, n = *(const long *)count; i < n; i++) {
        (void)printf("%ld\n", i);
        (void)fflush(stdout);
        (void)nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
    return NULL;
}

static void start(pthread_t *thread, void *(*run)(void *), void *argument)
{
    if (pthread_create(thread, NULL, run, argument) != 0)
        abort();
}

/* Not inlined, so that it has a name on the stack. */
__attribute__((noinline)) static void compute(void)
{
    for (;;)
        sink++;
}

int main(int argc, char **argv)
{
    const char *mode = argc > 1 ? argv[1] : "";
    long count = argc > 2 ? strtol(argv[2], NULL, 10) : 0;
    pthread_t threads[3];

    if (strcmp(mode, "lock") == 0) {
        (void)pthread_mutex_lock(&mutex);
        for (int i = 0; i < 3; i++)
            start(&threads[i], wait_for_owner, NULL);
        (void)usleep(200000); /* they are all in line */
        say_up();
        (void)sleep(60);
    } else if (strcmp(mode, "ticks") == 0) {
        say_up();
        start(&threads[0], print_ticks, &count);
        (void)pthread_join(threads[0], NULL);
        return 3;
    } else if (strcmp(mode, "spin") == 0) {
        for (int i = 0; i < 3; i++)
            start(&threads[i], sleep_long, NULL);
        say_up();
        compute();
    }
    return 2;
}
