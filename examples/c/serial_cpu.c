/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Forty independent pieces of arithmetic, one after the other, in one thread.
 *
 * Folklore: native code has no interpreter lock, so threads are enough. Measured: the same; one core of many is busy.
 *
 * run: {bin}
 * expect: model=threads change=switch finding=CA1001
 * expect: not-finding=CA1301 not-finding=CA9001 not-finding=CA9003 not-finding=CA9005
 */

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>

#define PIECES 40
#define ROUNDS_PER_PIECE 35000000

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
    uint64_t sum = 0;

    for (uint64_t piece = 1; piece <= PIECES; piece++)
        sum += work(piece, ROUNDS_PER_PIECE);
    (void)printf("%016" PRIx64 "\n", sum);
    return 0;
}
