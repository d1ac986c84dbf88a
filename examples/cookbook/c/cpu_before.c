/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Fifty independent pieces of arithmetic, one after the other.
 *
 * run: {bin}
 * expect: model=threads finding=CA1001
 */

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>

#define PIECES 50

/* Not inlined, or the compiler would do two pieces at once in vector registers. */
__attribute__((noinline)) static uint64_t piece(uint64_t value)
{
    for (int i = 0; i < 12000000; i++) {
        value ^= value << 13;
        value ^= value >> 7;
        value ^= value << 17;
    }
    return value;
}

int main(void)
{
    uint64_t sum = 0;

    for (uint64_t i = 0; i < PIECES; i++)
        sum += piece(i + 1);
    (void)printf("%" PRIu64 "\n", sum);
    return 0;
}
