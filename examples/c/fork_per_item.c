/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A process is forked for each of thousands of items, as many at once as there are CPUs; an item is 0.1 ms of work.
 *
 * Folklore: fork is cheap. Measured: it costs as much as the item or more. A pool of workers that live on (processes,
 * or simply threads: native code has no interpreter lock) does the same in a fraction of the time.
 *
 * run: {bin}
 * expect: model=processes|threads change=fix|switch finding=CA4001
 */

#include <inttypes.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define ITEMS 6000
#define ROUNDS_PER_ITEM 70000

static uint64_t work(uint64_t value, uint64_t rounds)
{
    while (rounds--) {
        value ^= value << 13;
        value ^= value >> 7;
        value ^= value << 17;
    }
    return value;
}

int main(void)
{
    cpu_set_t set;
    int cpus = sched_getaffinity(0, sizeof(set), &set) ? 1 : CPU_COUNT(&set);
    int running = 0, status, odd = 0;

    for (uint64_t item = 1; item <= ITEMS; item++) {
        pid_t child = fork();

        if (child < 0)
            return 1;
        if (!child)
            _exit((int)(work(item, ROUNDS_PER_ITEM) & 1));
        if (++running < cpus)
            continue;
        if (wait(&status) < 0)
            return 1;
        odd += WEXITSTATUS(status);
        running--;
    }
    while (wait(&status) > 0)
        odd += WEXITSTATUS(status);
    (void)printf("%d\n", odd);
    return 0;
}
