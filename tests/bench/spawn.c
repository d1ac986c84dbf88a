/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * spawn: forks (and reaps) empty processes, or creates and joins empty threads, one after the other, and prints the
 * nanoseconds it took.
 *
 *   spawn forks|threads COUNT
 */

#include <inttypes.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static uint64_t now_ns(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000U + (uint64_t)ts.tv_nsec;
}

static int spawn_process(void)
{
    pid_t child = fork();

    if (child == 0)
        _exit(0);
    return child < 0 || waitpid(child, NULL, 0) != child;
}

static void *nothing(void *unused)
{
    return unused;
}

static int spawn_thread(void)
{
    pthread_t thread;

    return pthread_create(&thread, NULL, nothing, NULL) || pthread_join(thread, NULL);
}

int main(int argc, char **argv)
{
    int forks = argc > 1 && strcmp(argv[1], "forks") == 0;
    long count = argc > 2 ? strtol(argv[2], NULL, 10) : 1000;
    uint64_t start = now_ns();

    for (long i = 0; i < count; i++)
        if (forks ? spawn_process() : spawn_thread())
            return 1;
    (void)printf("%" PRIu64 "\n", now_ns() - start);
    return 0;
}
