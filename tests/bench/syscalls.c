/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * syscalls: makes the cheapest system call again and again and prints the nanoseconds it took: whoever hooks system
 * calls shows here.
 *
 *   syscalls COUNT
 */

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static uint64_t now_ns(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000U + (uint64_t)ts.tv_nsec;
}

int main(int argc, char **argv)
{
    long count = argc > 1 ? strtol(argv[1], NULL, 10) : 1000000;
    uint64_t start = now_ns();

    for (long i = 0; i < count; i++)
        (void)syscall(SYS_getppid);
    (void)printf("%" PRIu64 "\n", now_ns() - start);
    return 0;
}
