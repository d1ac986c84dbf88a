/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Over before anything could be learned from it.
 *
 * Folklore: a profiler always has an opinion. Measured: a few milliseconds, which carry no verdict; the
 * report says how to get one (more input, or a loop around the command).
 *
 * run: {bin}
 * expect: model=none finding=CA9001
 */

#include <stdio.h>

int main(void)
{
    (void)printf("done\n");
    return 0;
}
