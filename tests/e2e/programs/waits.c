/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * waits MODE: waits in one known line each, which the tests look for by its mark, and prints the ids of its threads as
 * JSON. Nothing here may be inlined or made a jump: what is on the stack is what is written here.
 */

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NOINLINE __attribute__((noinline, noclone))
#define ROUNDS 25
#define STEP_NS 20000000L

static volatile long sink;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t turn_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turn = PTHREAD_COND_INITIALIZER;
static int items, pipes[2];
static double spent[2];

static long own_tid(void)
{
    return syscall(SYS_gettid);
}

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

NOINLINE static void pause_ns(long ns)
{
    struct timespec t = {ns / 1000000000L, ns % 1000000000L};

    nanosleep(&t, NULL); /* MARK sleep */
    sink++;
}

NOINLINE static long burn_cpu(double ns)
{
    double end = now() + ns;
    long sum = 0;

    while (now() < end)
        for (long i = 0; i < 20000; i++) /* MARK burn */
            sum += sum * 31 + i + sink;
    sink = sum;
    return sum;
}

NOINLINE static void hold_the_lock(void)
{
    pthread_mutex_lock(&mutex);
    pause_ns(STEP_NS);
    pthread_mutex_unlock(&mutex); /* MARK unlock */
    sink++;
}

NOINLINE static void want_the_lock(void)
{
    pthread_mutex_lock(&mutex); /* MARK lock */
    sink++;
    pthread_mutex_unlock(&mutex);
    sink++;
}

NOINLINE static void wait_for_item(void)
{
    pthread_mutex_lock(&turn_mutex);
    while (!items)
        pthread_cond_wait(&turn, &turn_mutex); /* MARK cond */
    items--;
    pthread_mutex_unlock(&turn_mutex);
    sink++;
}

NOINLINE static void make_item(void)
{
    pthread_mutex_lock(&turn_mutex);
    items++;
    pthread_mutex_unlock(&turn_mutex);
    pthread_cond_signal(&turn); /* MARK signal */
    sink++;
}

NOINLINE static void read_byte(void)
{
    char byte;

    if (read(pipes[0], &byte, 1) != 1) /* MARK read */
        sink--;
    sink++;
}

NOINLINE static void join_thread(pthread_t thread)
{
    pthread_join(thread, NULL); /* MARK join */
    sink++;
}

NOINLINE static void wait_for_child(pid_t child)
{
    waitpid(child, NULL, 0); /* MARK waitpid */
    sink++;
}

/* The other thread: does what ends the first one's waits. */
static void *help(void *mode)
{
    printf("\"helper\": %ld, ", own_tid());
    for (int i = 0; i < ROUNDS; i++) {
        if (strcmp(mode, "mutex") == 0) {
            hold_the_lock();
            pause_ns(STEP_NS / 20); /* the other one gets it meanwhile */
            continue;
        }
        pause_ns(STEP_NS);
        if (strcmp(mode, "cond") == 0)
            make_item();
        else if (strcmp(mode, "read") == 0 && write(pipes[1], "x", 1) != 1) /* MARK write */
            abort();
    }
    return NULL;
}

static void with_helper(const char *mode)
{
    pthread_t thread;

    if (pipe(pipes) < 0 || pthread_create(&thread, NULL, help, (void *)(long)mode) != 0)
        abort();
    for (int i = 0; i < ROUNDS && strcmp(mode, "join") != 0; i++) {
        if (strcmp(mode, "mutex") == 0) {
            want_the_lock();
            pause_ns(STEP_NS / 10); /* the other one has it again by then */
        } else if (strcmp(mode, "cond") == 0) {
            wait_for_item();
        } else {
            read_byte();
        }
    }
    join_thread(thread);
}

NOINLINE static void short_wait(const struct timespec *t)
{
    double begin = now();

    nanosleep(t, NULL); /* MARK short */
    spent[0] += now() - begin;
}

NOINLINE static void long_wait(const struct timespec *t)
{
    double begin = now();

    nanosleep(t, NULL); /* MARK long */
    spent[1] += now() - begin;
}

/* Waits of two lengths, one after the other: "alternate PAIRS MICROSECONDS". */
static void alternate(long pairs, long us)
{
    struct timespec once = {0, us * 1000}, thrice = {0, 3 * us * 1000};

    prctl(PR_SET_TIMERSLACK, 1UL);
    for (long i = 0; i < pairs; i++) {
        short_wait(&once);
        long_wait(&thrice);
    }
    printf("\"short\": %.0f, \"long\": %.0f, ", spent[0], spent[1]);
}

static void run(char **argv, int argc)
{
    const char *mode = argv[1];

    if (strcmp(mode, "sleep") == 0) {
        for (int i = 0; i < ROUNDS; i++)
            pause_ns(STEP_NS);
    } else if (strcmp(mode, "burn") == 0) {
        burn_cpu(6e8);
    } else if (strcmp(mode, "brief") == 0) {
        for (int i = 0; i < 3; i++)
            pause_ns(argc > 2 ? atol(argv[2]) * 1000 : 4000000);
    } else if (strcmp(mode, "unlink") == 0) {
        if (unlink(argv[0]) < 0)
            abort();
        for (int i = 0; i < ROUNDS; i++)
            pause_ns(STEP_NS);
        burn_cpu(3e8);
    } else if (strcmp(mode, "waitpid") == 0) {
        for (int i = 0; i < 5; i++) {
            pid_t child = fork();

            if (child == 0) {
                pause_ns(5 * STEP_NS);
                _exit(0);
            }
            wait_for_child(child);
        }
    } else if (strcmp(mode, "alternate") == 0 && argc == 4) {
        alternate(atol(argv[2]), atol(argv[3]));
    } else {
        with_helper(mode);
    }
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return 2;
    printf("{");
    run(argv, argc);
    printf("\"main\": %ld}\n", own_tid());
    return 0;
}
