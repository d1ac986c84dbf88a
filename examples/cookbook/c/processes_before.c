/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Forks a process for each of two thousand items and waits for it; an item is some 50 us of work.
 *
 * run: {bin}
 * expect: model=serial|threads|processes finding=CA4001
 */

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define ITEMS 2000

static uint64_t work(uint64_t value)
{
    for (int i = 0; i < 20000; i++) {
        value ^= value << 13;
        value ^= value >> 7;
        value ^= value << 17;
    }
    return value;
}

int main(void)
{
    unsigned odd = 0;
    int status;

    for (uint64_t item = 1; item <= ITEMS; item++) {
        pid_t pid = fork();

        if (pid == 0)
            _exit((int)(work(item) & 1));
        if (pid < 0 || waitpid(pid, &status, 0) != pid)
            return 1;
        odd += (unsigned)WEXITSTATUS(status);
    }
    (void)printf("%u\n", odd);
    return 0;
}
