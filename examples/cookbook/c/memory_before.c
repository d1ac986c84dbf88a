/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Answers a request every 5 ms and keeps a copy of each answer in a log that nobody cuts.
 *
 * run: {bin}
 * expect: model=serial|threads|coroutines|processes|none finding=CA5002
 */

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define REQUESTS 500
#define ANSWER 200000

struct entry {
    struct entry *older;
    char answer[ANSWER];
};

int main(void)
{
    struct timespec pause = {.tv_nsec = 5000000};
    struct entry *log = NULL;

    for (int request = 0; request < REQUESTS; request++) {
        struct entry *entry = malloc(sizeof(*entry));

        if (!entry)
            return 1;
        memset(entry->answer, request, ANSWER);
        entry->older = log;
        log = entry;
        (void)nanosleep(&pause, NULL);
    }
    while (log) {
        struct entry *older = log->older;

        free(log);
        log = older;
    }
    return 0;
}
