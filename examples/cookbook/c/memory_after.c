/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The service of memory_before.c with a log of the last hundred answers.
 *
 * run: {bin}
 * expect: model=serial|threads|coroutines|processes|none not-finding=CA5002
 */

#include <string.h>
#include <time.h>

#define REQUESTS 500
#define ANSWER 200000
#define KEPT 100

static char answers[KEPT][ANSWER];

int main(void)
{
    struct timespec pause = {.tv_nsec = 5000000};

    for (int request = 0; request < REQUESTS; request++) {
        memset(answers[request % KEPT], request, ANSWER);
        (void)nanosleep(&pause, NULL);
    }
    return answers[KEPT - 1][0] == 0;
}
