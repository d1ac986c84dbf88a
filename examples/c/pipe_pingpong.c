/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Two processes hand one token to and fro through pipes, with a microsecond of work at each end.
 *
 * Folklore: two processes, two cores, twice the speed. Measured: never more than one of them can run, and the hand-over
 * costs more than the work: the same loop in one thread is many times as fast.
 *
 * run: {bin}
 * expect: model=serial change=switch finding=CA4101
 */

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUND_TRIPS 100000
#define ROUNDS_PER_TURN 700

static uint64_t work(uint64_t value, uint64_t rounds)
{
    while (rounds--) {
        value ^= value << 13;
        value ^= value >> 7;
        value ^= value << 17;
    }
    return value;
}

/* Take the token, work on it, hand it on. */
static void pass(int in, int out)
{
    uint64_t token;

    while (read(in, &token, sizeof(token)) == (ssize_t)sizeof(token)) {
        token = work(token, ROUNDS_PER_TURN);
        if (write(out, &token, sizeof(token)) < 0)
            return;
    }
}

int main(void)
{
    int there[2], back[2];
    uint64_t token = 1;
    pid_t child;

    if (pipe(there) || pipe(back) || (child = fork()) < 0)
        return 1;
    if (!child) {
        (void)close(there[1]);
        pass(there[0], back[1]);
        return 0;
    }
    (void)close(there[0]);
    (void)close(back[1]);
    for (int i = 0; i < ROUND_TRIPS; i++) {
        token = work(token, ROUNDS_PER_TURN);
        if (write(there[1], &token, sizeof(token)) < 0 || read(back[0], &token, sizeof(token)) <= 0)
            return 1;
    }
    (void)close(there[1]);
    (void)waitpid(child, NULL, 0);
    (void)printf("%016" PRIx64 "\n", token);
    return 0;
}
