/* SPDX-License-Identifier: BSD-2-Clause */

/* Exports what a CPython without the GIL exports, and does nothing. */

#include <stdio.h>
#include <unistd.h>

char runtime[4096] __asm__("_PyRuntime") = {1};

void merge(void) __asm__("_Py_MergeZeroLocalRefcount");

void merge(void)
{
}

int main(void)
{
    (void)puts("ready");
    (void)fflush(stdout);
    for (;;)
        (void)pause();
}
