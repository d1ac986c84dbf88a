/* SPDX-License-Identifier: BSD-2-Clause */

/* Exports what a CPython without the GIL exports, and does nothing. */

#include <stdio.h>
#include <unistd.h>

char _PyRuntime[4096] = {1};

void _Py_MergeZeroLocalRefcount(void);

void _Py_MergeZeroLocalRefcount(void)
{
}

int main(void)
{
    (void)puts("ready");
    (void)fflush(stdout);
    for (;;)
        (void)pause();
}
