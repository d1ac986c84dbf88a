/* SPDX-License-Identifier: BSD-2-Clause */

/* Waits for a futex again and again, a millisecond each. Statically linked, so that its data lie where nm says. */

#include <linux/futex.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* In this order in memory. */
struct {
    int word;
    long vm;
    int status;
} waited_for = {0, 1, 1};

int main(void)
{
    puts("up");
    fflush(stdout);
    for (;;) {
        struct timespec time = {.tv_nsec = 1000000};

        syscall(SYS_futex, &waited_for.word, FUTEX_WAIT_PRIVATE, 0, &time, NULL, 0);
    }
}
