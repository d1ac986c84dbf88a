/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Blocks in a known chain of functions: main > outer > middle > recurse... > inner > blocked > libc. Its lines are
 * found by the marks "at: ...". What it is built with differs: see meson.build.
 *
 *     deep (sleep|read|cond|spin|vdso|trap) [depth]
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#ifdef __clang__
#define NOINLINE __attribute__((noinline))
#else
#define NOINLINE __attribute__((noipa))
#endif

/* Written after each call, so that none is a tail call. */
volatile int deep_result;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;

NOINLINE static void block_in_sleep(void)
{
    const struct timespec hour = {.tv_sec = 3600};

    (void)nanosleep(&hour, NULL); /* at: sleep */
    deep_result++;
}

NOINLINE static void block_in_read(void)
{
    char byte;

    if (read(0, &byte, 1) < 0) /* at: read */
        deep_result++;
    deep_result++;
}

NOINLINE static void block_in_cond(void)
{
    pthread_mutex_lock(&mutex);
    for (;;) {
        pthread_cond_wait(&condition, &mutex); /* at: cond */
        deep_result++;
    }
}

static void on_signal(int number)
{
    block_in_read(); /* at: handler */
    deep_result = number;
}

/* Interrupted at its first instruction: one byte before it is another function. */
NOINLINE static void trap(void)
{
    __builtin_trap(); /* at: trap */
}

/* "I am there." Those that block are seen to be blocked. */
static void tell(void)
{
    if (write(1, "!", 1) != 1)
        exit(3);
}

NOINLINE static void spin(void)
{
    tell();
    while (++deep_result || 1) /* at: spin */
        ;
}

NOINLINE static void ask_the_time(void)
{
    struct timespec now;

    tell();
    for (;;)
        deep_result += clock_gettime(CLOCK_MONOTONIC, &now); /* at: vdso */
}

/* Always part of its caller, and yet a frame of its own. */
static inline __attribute__((always_inline)) void choose(const char *how)
{
    if (strcmp(how, "sleep") == 0)
        block_in_sleep(); /* at: choose sleep */
    else if (strcmp(how, "read") == 0)
        block_in_read(); /* at: choose read */
    else if (strcmp(how, "cond") == 0)
        block_in_cond(); /* at: choose cond */
    else if (strcmp(how, "spin") == 0)
        spin(); /* at: choose spin */
    else if (strcmp(how, "trap") == 0)
        trap(); /* at: choose trap */
    else
        ask_the_time(); /* at: choose vdso */
    deep_result++;
}

NOINLINE static int inner(const char *how)
{
    char room[100];

    memset(room, deep_result, sizeof(room));
    choose(how); /* at: inner */
    return room[deep_result & 63];
}

NOINLINE static int recurse(const char *how, int depth)
{
    volatile char room[64] = {0};
    int result;

    if (depth > 0)
        result = recurse(how, depth - 1) + 1; /* at: recurse */
    else
        result = inner(how); /* at: bottom */
    return result + room[result & 63];
}

NOINLINE static int middle(const char *how, int depth)
{
    int result = recurse(how, depth); /* at: middle */

    deep_result = result;
    return result + 1;
}

NOINLINE static int outer(const char *how, int depth)
{
    int result = middle(how, depth); /* at: outer */

    deep_result = result;
    return result + 1;
}

int main(int argc, char *argv[])
{
    if (argc < 2 || signal(SIGILL, on_signal) == SIG_ERR || write(1, "!", 1) != 1)
        return 2;
    deep_result = outer(argv[1], argc > 2 ? atoi(argv[2]) : 0); /* at: main */
    return 0;
}
