/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Computes in functions that have no names: built without symbols, as most packages are.
 *
 * Folklore: "the profiler is broken". Measured: times and causes are right, but no line can be named. Install the debug
 * package, or build with -g and do not strip.
 *
 * run: {bin}
 * expect: model=serial|threads finding=CA9005
 */

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>

#define ROUNDS (UINT64_C(400) * 1000 * 1000)

static __attribute__((noinline)) uint64_t work(uint64_t value, uint64_t rounds)
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
    (void)printf("%016" PRIx64 "\n", work(1, ROUNDS));
    return 0;
}
