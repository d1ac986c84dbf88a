/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The items of processes_before.c, dealt to two processes that are forked once.
 *
 * run: {bin}
 * expect: model=serial|threads|processes|none not-finding=CA4001
 */

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define ITEMS 2000
#define WORKERS 2

static uint64_t work(uint64_t value)
{
    for (int i = 0; i < 20000; i++) {
        value ^= value << 13;
        value ^= value >> 7;
        value ^= value << 17;
    }
    return value;
}

/* Every WORKERS-th item from the first on; the count goes back through the pipe. */
static int worker(int fd, uint64_t first)
{
    unsigned odd = 0;

    for (uint64_t item = first; item <= ITEMS; item += WORKERS)
        odd += (unsigned)(work(item) & 1);
    return write(fd, &odd, sizeof(odd)) == sizeof(odd) ? 0 : 1;
}

int main(void)
{
    unsigned sum = 0, odd;
    int fds[2];

    if (pipe(fds) < 0)
        return 1;
    for (uint64_t i = 1; i <= WORKERS; i++)
        if (fork() == 0)
            _exit(worker(fds[1], i));
    for (int i = 0; i < WORKERS; i++)
        if (read(fds[0], &odd, sizeof(odd)) == sizeof(odd))
            sum += odd;
    while (wait(NULL) > 0)
        ;
    (void)printf("%u\n", sum);
    return 0;
}
