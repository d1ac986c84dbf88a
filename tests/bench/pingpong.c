/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * pingpong: two processes pinned to one CPU hand a byte to and fro through pipes: nothing but context switches, the
 * worst case for whoever watches them. Prints the nanoseconds it took.
 *
 *   pingpong ROUND_TRIPS [CPU]
 */

#include <inttypes.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static uint64_t now_ns(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000U + (uint64_t)ts.tv_nsec;
}

static void echo(int in, int out)
{
    char byte;

    while (read(in, &byte, 1) == 1)
        if (write(out, &byte, 1) != 1)
            return;
}

int main(int argc, char **argv)
{
    long round_trips = argc > 1 ? strtol(argv[1], NULL, 10) : 100000;
    int there[2], back[2];
    char byte = 'x';
    cpu_set_t set;
    uint64_t start;
    pid_t child;

    CPU_ZERO(&set);
    CPU_SET(argc > 2 ? (size_t)strtoul(argv[2], NULL, 10) : 0, &set);
    if (sched_setaffinity(0, sizeof(set), &set) || pipe(there) || pipe(back) || (child = fork()) < 0)
        return 1;
    if (!child) {
        (void)close(there[1]);
        echo(there[0], back[1]);
        return 0;
    }
    (void)close(there[0]);
    start = now_ns();
    for (long i = 0; i < round_trips; i++)
        if (write(there[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1)
            return 1;
    (void)printf("%" PRIu64 "\n", now_ns() - start);
    (void)close(there[1]);
    (void)waitpid(child, NULL, 0);
    return 0;
}
